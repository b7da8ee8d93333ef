"""`captiond config`: shows the settings and where each comes from."""

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from captiond.cli.console import console, warn_of_unknown_variables
from captiond.settings import (
    PREFIX,
    Resolution,
    Settings,
    StackNotRunning,
    absolute_url,
    require_value,
    resolve,
)

# Other secrets are parts of URLs.
_SECRETS = ("api_key", "ftp_password")
# Greedy: a password may contain any character, so everything up to the last @ is hidden.
_PASSWORD = re.compile(r"(?<=://)([^:@/?]*):.*@", re.DOTALL)
_PASSWORD_OPTION = re.compile(r"([?&][^=&]*(?:pass|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)


def config(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False) -> None:
    """Show every setting with its value and its source.

    The format is that of an .env file. Paths are absolute, and passwords are hidden.
    """
    resolution = resolve()
    warn_of_unknown_variables()
    if as_json:
        described = {
            "settings": {
                name: {"value": _shown(resolution.settings, name), "source": _source(resolution, name)}
                for name in Settings.model_fields
            },
            "stack": _describe_stack(resolution),
        }
        typer.echo(json.dumps(described, ensure_ascii=False, indent=2))
        return
    for name in Settings.model_fields:
        value = _shown(resolution.settings, name)
        text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        _print(f"{PREFIX}{name.upper()}={text}  # {_source(resolution, name)}")
    if stack := _describe_stack(resolution):
        _print(f"# stack of {stack['data_dir']}: {'running' if stack['running'] else 'not running'}")


def _print(line: str) -> None:
    console().print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _describe_stack(resolution: Resolution) -> dict[str, str | bool] | None:
    stack = resolution.stack
    return None if stack is None else {"data_dir": str(stack.data_dir.absolute()), "running": stack.is_running}


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
    return value if value is None or isinstance(value, bool | int) else str(value)


def _mask(url: str) -> str:
    return _PASSWORD_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))
