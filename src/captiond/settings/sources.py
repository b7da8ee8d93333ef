"""Reads the settings. Each setting has the value of the first source that contains it.

The sources are, in this order: options of the command, environment variables, `.env`, the YAML file that
CAPTIOND_CONFIG names, the stack of the data directory, the defaults. A stopped stack has no Redis: `require_value`
raises an error instead of using the default.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import yaml
from pydantic import SecretStr, ValidationError
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from captiond.settings.errors import ConfigurationError, StackNotRunning
from captiond.settings.model import PREFIX, REFERENCE, Settings
from captiond.settings.stack import DATA_DIR, StackFolder, find_stack, is_stack_file

DEFAULT = "default"
_SECRETS = frozenset(
    name
    for name, setting in Settings.model_fields.items()
    if SecretStr in {setting.annotation, *get_args(setting.annotation)}
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The settings, the source of each that is not a default, and the stack of the data directory."""

    settings: Settings
    sources: Mapping[str, str]
    stack: StackFolder | None

    def source(self, name: str) -> str:
        """Describe where the value of a setting is from."""
        return self.sources.get(name, DEFAULT)


def load_settings() -> Settings:
    """Read the settings. Raises ConfigurationError with one line that names every invalid setting."""
    return resolve().settings


def resolve(*, use_stack: bool = True) -> Resolution:
    """Read the settings, without those of a running stack if `use_stack` is false. Raises ConfigurationError."""
    try:
        config = config_file()
        stack = find_stack(config)
        values: dict[str, object] = {}
        sources: dict[str, str] = {}
        for label, found in _layers(config, stack if use_stack else None):
            for name in found.keys() & Settings.model_fields.keys() - values.keys():
                values[name], sources[name] = found[name], label
        return Resolution(Settings.model_validate(values), sources, stack)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_describe_errors(error))) from error
    except (SettingsError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"cannot read the settings: {_in_one_line(error)}") from error


def require_value(settings: Settings, name: str) -> None:
    """Raise StackNotRunning if a setting has its default, and the stack that would set it is stopped."""
    if name in settings.model_fields_set:
        return
    stack = find_stack(config_file())
    if stack is not None and not stack.is_running:
        raise StackNotRunning(stack.data_dir, f"{PREFIX}{name.upper()}")


def config_file() -> Path | None:
    """Return the path that CAPTIOND_CONFIG names. Raises ConfigurationError if it is neither a file nor a stack's."""
    variable = f"{PREFIX}CONFIG".lower()
    named = EnvSettingsSource(Settings).env_vars.get(variable) or DotEnvSettingsSource(Settings).env_vars.get(variable)
    if not named:
        return None
    path = Path(named)
    if not path.is_file() and not is_stack_file(path):
        raise ConfigurationError(f"{PREFIX}CONFIG: no such file: {named}")
    return path


def _layers(config: Path | None, stack: StackFolder | None) -> Iterator[tuple[str, Mapping[str, object]]]:
    yield "environment", EnvSettingsSource(Settings)()
    yield str(Path(".env").absolute()), DotEnvSettingsSource(Settings)()
    if config is not None and not is_stack_file(config):
        yield str(config.absolute()), _read_yaml(config)
    if stack is not None and stack.is_running:
        yield f"running stack of {stack.data_dir.absolute()}", _read_yaml(stack.file)
    elif stack is not None and stack.data_dir != DATA_DIR:  # that directory has the default settings
        yield f"stopped stack of {stack.data_dir.absolute()}", stack.data_settings


def _read_yaml(file: Path) -> Mapping[str, object]:
    """Read a YAML file. Raises ConfigurationError for names that are no settings."""
    try:
        content: object = yaml.safe_load(file.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"cannot read {file}: {_in_one_line(error)}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file}: expected `name: value` lines")
    if unknown := sorted(str(name) for name in content if name not in Settings.model_fields):
        raise ConfigurationError(f"{file}: unknown settings: {', '.join(unknown)}; see {REFERENCE}")
    return content


def _describe_errors(error: ValidationError) -> list[str]:
    described = []
    for entry in error.errors(include_url=False):
        name = "_".join(str(part) for part in entry["loc"])
        message = entry["msg"].removeprefix("Value error, ")
        # A URL may hold a password, and the messages of our own validators contain the value.
        hidden = name in _SECRETS or name.endswith("_url") or entry["type"] == "value_error"
        described.append(f"{PREFIX}{name.upper()}: {message}" + ("" if hidden else f", got {entry['input']!r}"))
    return described


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
