"""Sizes and durations as text in the language of the page."""

from babel.dates import format_timedelta
from babel.numbers import format_decimal

from captiond.services.api.web.languages import Language
from captiond.services.api.web.marking import mark as _

BINARY = 1024
WITHOUT_DECIMALS = 100
# Above this number of a unit, durations use the next larger unit.
LARGEST = 1.5


UNITS = (_("%(number)s B"), _("%(number)s KiB"), _("%(number)s MiB"), _("%(number)s GiB"), _("%(number)s TiB"))


def format_bytes(value: int, language: Language) -> str:
    """Return a size with at most three significant digits, such as `12.3 MiB`."""
    number, power = float(value), 0
    while round(number) >= BINARY and power < len(UNITS) - 1:
        number, power = number / BINARY, power + 1
    rounded = round(number, 1) if power and number < WITHOUT_DECIMALS else round(number)
    return language.translations.gettext(UNITS[power]) % {"number": format_decimal(rounded, locale=language.locale)}


def format_duration(seconds: float, language: Language) -> str:
    """Return a duration in its largest suitable unit, such as `5 min`."""
    return format_timedelta(round(seconds), format="short", threshold=LARGEST, locale=language.locale)


def format_ago(seconds: float, language: Language) -> str:
    """Return how long ago something happened, such as `5 minutes ago`."""
    past = -max(round(seconds), 1)
    return format_timedelta(past, add_direction=True, threshold=LARGEST, locale=language.locale)
