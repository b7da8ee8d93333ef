"""The colour themes of the page."""

from fastapi import Request

COOKIE = "captiond-theme"
PARAMETER = "theme"
SYSTEM = "system"  # as the browser prefers
THEMES = (SYSTEM, "light", "dark")


def choose_theme(request: Request) -> str:
    """Choose by the query parameter and the cookie, in this order."""
    for chosen in (request.query_params.get(PARAMETER), request.cookies.get(COOKIE)):
        if chosen in THEMES:
            return chosen
    return SYSTEM
