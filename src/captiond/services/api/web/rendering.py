"""Renders templates into HTML responses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib.metadata import version
from urllib.parse import urlencode

from babel.dates import format_datetime, format_time
from babel.numbers import format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from captiond.access import Principal, Scope
from captiond.image import to_zone
from captiond.services.api.operations_access import may_operate
from captiond.services.api.security.access_control import PRINCIPAL, SESSION
from captiond.services.api.web import languages, themes
from captiond.services.api.web.assets import assets_path
from captiond.services.api.web.compression import compress
from captiond.services.api.web.languages import Language, choose_language, load_language
from captiond.services.api.web.local_paths import find_view
from captiond.services.api.web.options import PageOptions
from captiond.services.api.web.quantities import format_ago, format_bytes, format_duration
from captiond.services.api.web.themes import choose_theme

# Trusted Types keep scripts from parsing texts as HTML.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
    "Vary": "Accept-Language, Cookie",
    # With `no-referrer`, a form is sent with the Origin `null`, which looks like another site's.
    "Referrer-Policy": "same-origin",
}
YEAR_SECONDS = 365 * 86400


@dataclass(frozen=True, slots=True)
class PageView:
    """The value `page` of every template."""

    request: Request
    language: Language
    theme: str
    zone: tzinfo

    @property
    def root(self) -> str:
        """The path prefix of a reverse proxy, or an empty string."""
        return str(self.request.scope.get("root_path", ""))

    @property
    def path(self) -> str:
        """The path of the page, without the prefix."""
        return self.request.url.path.removeprefix(self.root)

    @property
    def client(self) -> Principal | None:
        """The client of the request; None while access control is off, and where no key is needed."""
        client: Principal | None = self.request.scope.get(PRINCIPAL)
        return client

    @property
    def has_session(self) -> bool:
        """Whether the client has logged in on the page."""
        return SESSION in self.request.scope

    @property
    def offers_login(self) -> bool:
        """Whether a login with a key helps. A user of a proxy has no key."""
        is_user = self.client is not None and self.client.key_id is None
        return self.request.app.state.access is not None and not is_user

    @property
    def login_url(self) -> str:
        """The address of the login, which returns to this view."""
        return self.url("/login", next=find_view(self.request.scope))

    def may(self, scope: Scope) -> bool:
        """Return whether the client has a scope. Without access control, everyone has all."""
        if self.client is None:
            return self.request.app.state.access is None
        return scope in self.client.scopes

    @property
    def may_administer(self) -> bool:
        """Whether the client may delete and hold images. Without access control, only operators may."""
        return self.may(Scope.ADMIN) and may_operate(self.request)

    @property
    def manages_keys(self) -> bool:
        """Whether API keys are required, so that the page manages them."""
        return self.request.app.state.access is not None

    @property
    def first_view(self) -> str:
        """The path of the first view that the client may open."""
        views = (("/", Scope.UPLOAD), ("/images", Scope.READ), ("/ops", Scope.OPERATE))
        return next((path for path, scope in views if self.may(scope)), "/ops/audit")

    @property
    def languages(self) -> Mapping[str, str]:
        return languages.NAMES

    @property
    def version(self) -> str:
        return version("captiond")

    @property
    def script_messages(self) -> str:
        """The translations of the scripts, as JSON for a data block in HTML."""
        return json.dumps(self.language.script_messages, ensure_ascii=False).replace("<", "\\u003c")

    def url(self, path: str, **query: str) -> str:
        """Return the URL of a path of this server, such as `/images`."""
        return f"{self.root}{path}{'?' if query else ''}{urlencode(query)}"

    def here(self, **query: str) -> str:
        """Return the URL of this page with other query parameters."""
        url = self.request.url.include_query_params(**query)
        return f"{url.path}?{url.query}"

    def asset(self, name: str) -> str:
        """Return the URL of a file of `static/`."""
        return f"{self.root}{assets_path()}/{name}"

    def time(self, moment: datetime, form: str = "medium") -> str:
        """Format a time in the configured zone."""
        local = to_zone(moment, self.zone)
        return format_datetime(local, form, tzinfo=local.tzinfo, locale=self.language.locale)

    def clock(self, moment: datetime) -> str:
        """Format the time of day in the configured zone."""
        return format_time(moment, "short", tzinfo=self.zone, locale=self.language.locale)

    def utc(self, moment: datetime) -> str:
        """Format a time in RFC 3339, for the attribute `datetime`."""
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.language.locale)

    def rate(self, value: float) -> str:
        """Format a rate with three digits."""
        return format_decimal(float(f"{value:.3g}"), locale=self.language.locale)

    def bytes(self, value: int) -> str:
        """Format a size."""
        return format_bytes(value, self.language)

    def duration(self, seconds: float) -> str:
        """Format a duration."""
        return format_duration(seconds, self.language)

    def ago(self, seconds: float) -> str:
        """Format how long ago something happened."""
        return format_ago(seconds, self.language)


def make_view(request: Request) -> PageView:
    """Choose language and theme of a request."""
    options: PageOptions = request.app.state.page
    return PageView(request, choose_language(request), choose_theme(request), options.zone)


def render(
    request: Request, template: str, status: int = 200, *, has_secret: bool = False, **values: object
) -> HTMLResponse:
    """Render a template in the language and theme of the request. Remembers both if the URL chooses them.

    A page with a secret is neither stored nor compressed, because its size would depend on the secret.
    """
    page = make_view(request)
    html = _environment(page.language.code).get_template(template).render(page=page, **values)
    response = HTMLResponse(html, status, {**HEADERS, "Content-Language": page.language.code})
    for parameter, cookie, value in (
        (languages.PARAMETER, languages.COOKIE, page.language.code),
        (themes.PARAMETER, themes.COOKIE, page.theme),
    ):
        if request.query_params.get(parameter) == value:
            response.set_cookie(
                cookie, value, YEAR_SECONDS, path=f"{page.root}/", samesite="lax", httponly=True,
                secure=request.url.scheme == "https",
            )  # fmt: skip
    if has_secret:
        response.headers["Cache-Control"] = "no-store"
    else:
        compress(request, response)
    return response


@cache
def _environment(code: str) -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(load_language(code).translations, newstyle=True)  # type: ignore[attr-defined] # of the extension
    return environment
