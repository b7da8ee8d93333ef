"""The languages of the page: their translations, and the choice of one for a request."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from fastapi import Request

COOKIE = "captiond-language"
PARAMETER = "language"
# By code. The messages of the source code are English, so English has no file.
NAMES = {"en": "English", "ru": "Русский"}
DEFAULT = "en"
LOCALES = Path(__file__).with_name("locale")
SCRIPT_SUFFIX = ".js"
_WEIGHTED = re.compile(r"\s*([A-Za-z-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*")


@dataclass(frozen=True, slots=True)
class Language:
    """One language. `script_messages` has the translations of the scripts: a text, or the texts of a plural."""

    code: str
    locale: Locale
    translations: NullTranslations
    script_messages: dict[str, str | list[str]]


@cache
def load_language(code: str) -> Language:
    """Read the translations of one of `NAMES` from its `messages.po`."""
    if code == DEFAULT:
        return Language(code, Locale(code), NullTranslations(), {})
    catalog = read_catalog(code)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Language(code, Locale(code), Translations(compiled), dict(_script_messages(catalog)))


def read_catalog(code: str) -> Catalog:
    """Read `messages.po` of a language."""
    with (LOCALES / code / "messages.po").open("rb") as file:
        return read_po(file, locale=code)


def choose_language(request: Request) -> Language:
    """Choose by the query parameter, the cookie and the header Accept-Language, in this order."""
    for chosen in (request.query_params.get(PARAMETER), request.cookies.get(COOKIE)):
        if chosen in NAMES:
            return load_language(chosen)
    preferred = _parse_accept_language(request.headers.get("accept-language", ""))
    return load_language(negotiate_locale(preferred, list(NAMES), sep="-") or DEFAULT)


def _parse_accept_language(header: str) -> list[str]:
    """Return the codes by descending weight (RFC 9110, section 12.5.4). Ignores what is malformed."""
    matches = [_WEIGHTED.fullmatch(part) for part in header[:1000].split(",")]
    weighted = [(float(match[2] or 1), match[1]) for match in matches if match]
    return [code for weight, code in sorted(weighted, key=lambda each: -each[0]) if weight > 0]


def _script_messages(catalog: Catalog) -> Iterator[tuple[str, str | list[str]]]:
    for message in catalog:
        if any(path.endswith(SCRIPT_SUFFIX) for path, _ in message.locations):
            key = message.id if isinstance(message.id, str) else message.id[0]
            yield key, message.string if isinstance(message.string, str) else list(message.string or ())
