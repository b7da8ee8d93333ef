"""Settings as text: paths are absolute, and passwords are hidden."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from captiond.settings.errors import StackNotRunning
from captiond.settings.model import Settings, absolute_url
from captiond.settings.sources import Resolution, require_value

# Other secrets are parts of URLs.
_SECRETS = ("api_key", "ftp_password")
# Greedy: a password may contain any character, so everything up to the last @ is hidden.
_PASSWORD = re.compile(r"(?<=://)([^:@/?]*):.*@", re.DOTALL)
_PASSWORD_OPTION = re.compile(r"([?&][^=&]*(?:pass|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting with its value as text or number, and its source."""

    name: str
    value: str | int | float | bool | None
    source: str


def show_settings(resolution: Resolution) -> Iterator[ShownSetting]:
    """Describe every setting, in the order of their declaration."""
    for name in Settings.model_fields:
        yield ShownSetting(name, _shown(resolution.settings, name), _source(resolution, name))


def _source(resolution: Resolution, name: str) -> str:
    """The source, and for the default of a setting that a stopped stack would supply, why it is refused."""
    if name in ("redis_url", "api_url"):
        try:
            require_value(resolution.settings, name)
        except StackNotRunning as error:
            return f"none: {error}"
    return resolution.source(name)


def _shown(settings: Settings, name: str) -> str | int | bool | None:
    """The value as text or number: paths are absolute, passwords hidden."""
    value: object = getattr(settings, name)
    if name in _SECRETS:
        return "***" if value else None
    if isinstance(value, SecretStr) or name == "api_url":
        url = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        return _mask(absolute_url(url))
    if isinstance(value, Path) or (name == "font_name" and "/" in str(value)):
        return str(Path(str(value)).expanduser().absolute())
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return value if value is None or isinstance(value, bool | int) else str(value)


def _mask(url: str) -> str:
    return _PASSWORD_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))
