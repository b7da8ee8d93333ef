"""Opens pages in Chromium and checks what every page must satisfy."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # has no type hints
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Root needs --no-sandbox. The rest keeps Chromium from requests of its own.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
TIMEOUT_MS = 20_000
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}


@dataclass
class Window:
    """A browser profile on one server. `expected_errors` are parts of console errors that a test causes."""

    context: BrowserContext
    url: str
    expected_errors: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """Open a tab."""
        page = self.context.new_page()
        page.goto(self.url + path)
        return page

    def watch(self) -> None:
        """Record errors of scripts and requests to other origins."""
        self.context.on("console", self._on_console)
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.context.on("request", self._on_request)

    def check(self) -> None:
        """Require that no script failed and nothing was fetched from another origin."""
        unexpected = [error for error in self.errors if not any(part in error for part in self.expected_errors)]
        assert not unexpected, unexpected
        assert not self.foreign, self.foreign

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url).scheme in {"http", "https"} and not request.url.startswith(self.url + "/"):
            self.foreign.append(request.url)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium, or skip the test."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium; install the Debian package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def open_window(  # noqa: PLR0913 - one per property of the window
    browser: Browser,
    url: str,
    *,
    language: str = "en-US",
    theme: str = "light",
    size: dict[str, int] | None = None,
    scripts: bool = True,
) -> Iterator[Window]:
    """Open a profile, and check at its end that no script failed and nothing came from another origin."""
    context = browser.new_context(
        locale=language,
        color_scheme="dark" if theme == "dark" else "light",
        viewport=size or DESKTOP,  # type: ignore[arg-type] # a TypedDict
        java_script_enabled=scripts,
        accept_downloads=True,
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    window = Window(context, url.rstrip("/"))
    window.watch()
    try:
        yield window
    finally:
        context.close()
    window.check()


def find_accessibility_problems(page: Page) -> list[str]:
    """Return what axe-core finds, each with the elements concerned."""
    results = Axe().run(page)
    return [
        f"{violation['id']}: {violation['help']}: {[node['html'] for node in violation['nodes'][:3]]}"
        for violation in results.response["violations"]
    ]
