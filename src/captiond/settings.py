"""The settings, read once: environment, then `.env`, then a YAML file."""

import os
import tempfile
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

PREFIX = "CAPTIOND_"
# `captiond up` leaves the settings of its stack here, so that the other commands find it without any.
RUNNING_STACK = Path("var/captiond.yaml")


class ConfigurationError(Exception):
    """A setting is wrong; the message names it and says what to do."""


class Settings(BaseSettings):
    """Every setting with its default; paths are relative to the working directory."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    database_url: SecretStr = SecretStr("sqlite:///var/captiond.db")
    images_dir: Path = Path("var/images")
    font_name: str | None = None
    font_size: int = Field(default=12, ge=6, le=200, description="pixels")
    caption_text_colour: str = Field(default="white", description="a CSS colour")
    caption_strip_colour: str = Field(default="black", description="a CSS colour")
    caption_padding: int = Field(default=4, ge=0, le=100, description="pixels")
    caption_alignment: Literal["left", "centre", "right"] = "left"
    caption_position: Literal["below", "above"] = Field(
        default="below", description="above the photo, it is encoded anew"
    )
    keep_originals: Literal["reencoded", "always", "never", "redrawn"] = Field(
        default="reencoded", description="`redrawn` is the old name of `reencoded`"
    )
    max_pixels: int = Field(default=50_000_000, ge=1, description="larger photos are refused, not decoded")
    log_dir: Path = Path("var/log")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    run_dir: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()) / f"captiond-{os.getuid()}",
        description="where the workers say that they are well",
    )
    max_upload_bytes: int = Field(default=10 << 20, ge=1)
    max_backlog: int = Field(default=10_000, ge=1, description="messages in queue `uploads`")
    max_captioned: int = Field(
        default=1000, ge=1, description="messages in queue `captioned` past which captioners wait"
    )
    max_backlog_bytes: int = Field(default=1 << 30, ge=1, description="bytes in all queues and dead letters")
    durability: Literal["fast", "fsync", "ha"] = "fsync"
    replicas: int = Field(default=1, ge=1, description="of Redis, that must have an upload before its 202; for `ha`")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the YAML file last; there are no secret files."""
        del file_secret_settings
        file = config_file()
        named = [YamlConfigSettingsSource(settings_cls, yaml_file=file)] if file else []
        return (init_settings, env_settings, dotenv_settings, *named)


def config_file() -> Path | None:
    """Find the YAML file: the one named, else the one of a stack that runs here. Raises ConfigurationError."""
    if named := os.environ.get(f"{PREFIX}CONFIG"):
        if not Path(named).is_file():
            raise ConfigurationError(f"{PREFIX}CONFIG names {named}, and there is no such file")
        return Path(named)
    return RUNNING_STACK if RUNNING_STACK.is_file() else None


def load_settings() -> Settings:
    """Read the settings. Raises ConfigurationError with one line that names every wrong one."""
    try:
        _refuse_unknown_names(config_file())
        return Settings()
    except ValidationError as error:
        wrong = [
            f"{PREFIX}{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigurationError("; ".join(wrong)) from error
    except (SettingsError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"the settings cannot be read: {_in_one_line(error)}") from error


def unknown_variables() -> list[str]:
    """List the variables of the environment that look like settings and are none: most likely misspelt."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{PREFIX}CONFIG"}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name.upper() not in known)


def _refuse_unknown_names(file: Path | None) -> None:
    """A YAML file holds nothing but our settings, so a name unknown there is a mistake."""
    if file is None:
        return
    try:
        content = yaml.safe_load(file.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{file} cannot be read: {_in_one_line(error)}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file} must hold `name: value` lines")
    if unknown := sorted(str(name) for name in content if name not in Settings.model_fields):
        raise ConfigurationError(f"{file}: unknown setting {', '.join(unknown)}")


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
