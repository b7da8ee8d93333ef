"""The settings, read once per process from the environment, `.env` and a YAML file, in this order of precedence."""

import fcntl
import ipaddress
import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import yaml
from PIL import ImageColor
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from captiond.operations.originals import KeepOriginals

PREFIX = "CAPTIOND_"
REFERENCE = "docs/reference/settings.md"
# `captiond up` writes the settings of its stack here and locks the file, so that other commands find the stack.
RUNNING_STACK = Path("var/captiond.yaml")


class ConfigurationError(Exception):
    """A setting, or the address to listen on, is invalid. The message names it, its value and the fix."""


def _check_colour(text: str) -> str:
    try:
        ImageColor.getrgb(text)
    except ValueError as error:
        raise ValueError(f"no CSS colour {text!r}; use a name or #rrggbb") from error
    return text


def _check_networks(text: str) -> str:
    for network in text.split(",") if text != "*" else ():
        try:
            ipaddress.ip_network(network.strip())
        except ValueError as error:
            raise ValueError(
                f"{network.strip()!r} is no address or network; use for example 10.0.0.0/8, or *"
            ) from error
    return text


Networks = Annotated[str, AfterValidator(_check_networks)]
Colour = Annotated[str, AfterValidator(_check_colour)]


class Settings(BaseSettings):
    """All settings with their defaults. Paths are relative to the working directory."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """URL of the Redis or Valkey server: `redis://`, `rediss://` (TLS) or `unix://`."""
    database_url: SecretStr = SecretStr("sqlite:///var/captiond.db")
    """SQLAlchemy URL of the database: `sqlite`, `postgresql+psycopg`, `mysql+pymysql` or `mariadb+pymysql`. Write `#`,
    `?` and `%` of a path or password as `%23`, `%3F` and `%25`."""
    images_dir: Path = Path("var/images")
    """Directory of the archived images."""
    font_name: str | None = None
    """Font of the captions: a family name such as `DejaVu Sans`, or the path of a font file. Unset: the bundled
    Roboto."""
    font_size: int = Field(default=12, ge=6, le=200)
    """Font size in pixels, 6 to 200."""
    caption_text_colour: Colour = "white"
    """Text colour: a CSS colour name or `#rrggbb`."""
    caption_strip_colour: Colour = "black"
    """Colour of the strip: a CSS colour name or `#rrggbb`."""
    caption_padding: int = Field(default=4, ge=0, le=100)
    """Space between the text and the edges of the strip in pixels, 0 to 100."""
    caption_alignment: Literal["left", "centre", "right"] = "left"
    """Alignment of the text: `left`, `centre` or `right`."""
    caption_position: Literal["below", "above"] = "below"
    """Position of the strip: `below` or `above` the photo, as viewers show it."""
    keep_originals: KeepOriginals = KeepOriginals.REENCODED
    """Which uploads the archive also stores unchanged: `reencoded` (those whose photo was re-encoded), `always` or
    `never`. `redrawn` is the old name of `reencoded`."""
    max_pixels: int = Field(default=50_000_000, ge=1)
    """Maximum width × height of a photo. Larger photos are rejected."""
    check_damage: bool = True
    """Whether to check the compressed data of every photo for damage. Damaged photos are archived and flagged."""
    log_dir: Path = Path("var/log")
    """Directory of the log files, one per service."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Lowest level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    run_dir: Path = Field(default_factory=lambda: Path(tempfile.gettempdir()) / f"captiond-{os.getuid()}")
    """Directory of the workers' heartbeat files, which `captiond-healthcheck` reads."""
    max_upload_bytes: int = Field(default=10 << 20, ge=1)
    """Maximum size of an image in bytes."""
    max_backlog: int = Field(default=10_000, ge=1)
    """Maximum number of messages in queue `uploads`. Above it, uploads get status 503."""
    max_captioned: int = Field(default=1000, ge=1)
    """Maximum number of messages in queue `captioned`. Above it, captioners wait for the archiver."""
    max_backlog_bytes: int = Field(default=1 << 30, ge=1)
    """Maximum size of all queues and dead letters together in bytes. Above it, uploads get status 503."""
    root_path: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    """Path prefix under which a reverse proxy serves the API, such as `/captiond`. The proxy must remove it from
    requests. The header `X-Forwarded-Prefix` of a trusted proxy takes precedence."""
    trusted_proxies: Networks = "127.0.0.1,::1"
    """Addresses or networks of reverse proxies, separated by commas, or `*`. The API accepts the headers
    `X-Forwarded-Prefix`, `X-Forwarded-Proto` and `X-Forwarded-For` from these only."""
    durability: Literal["fast", "fsync", "ha"] = "fsync"
    """What a 202 guarantees: `fast` (Redis has the image in memory), `fsync` (Redis has synced it to disk) or `ha` (as
    `fsync`, and replicas have it too)."""
    replicas: int = Field(default=1, ge=1)
    """With durability `ha`: number of Redis replicas that must have an upload before its 202."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the YAML file as the last source and remove secret files."""
        del file_secret_settings
        file = config_file()
        yaml_settings = [YamlConfigSettingsSource(settings_cls, yaml_file=file)] if file else []
        return (init_settings, env_settings, dotenv_settings, *yaml_settings)


def config_file() -> Path | None:
    """Return the YAML file that CAPTIOND_CONFIG names, else that of a stack running here. Raises ConfigurationError."""
    if named := os.environ.get(f"{PREFIX}CONFIG"):
        if not Path(named).is_file():
            raise ConfigurationError(f"{PREFIX}CONFIG: no such file: {named}")
        return Path(named)
    return RUNNING_STACK if RUNNING_STACK.is_file() and _is_locked(RUNNING_STACK) else None


def load_settings() -> Settings:
    """Read the settings. Raises ConfigurationError with one line that names every invalid setting."""
    try:
        _reject_unknown_names(config_file())
        return Settings()
    except ValidationError as error:
        raise ConfigurationError("; ".join(_describe_errors(error))) from error
    except (SettingsError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"cannot read the settings: {_in_one_line(error)}") from error


def unknown_variables() -> list[str]:
    """Return the environment variables that have our prefix but name no setting, such as misspelled ones."""
    others = {f"{PREFIX}CONFIG", f"{PREFIX}NATIVE"}  # read before the settings
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | others
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name.upper() not in known)


def _describe_errors(error: ValidationError) -> list[str]:
    described = []
    for entry in error.errors(include_url=False):
        name = "_".join(str(part) for part in entry["loc"])
        message = entry["msg"].removeprefix("Value error, ")
        # A URL may hold a password, and the messages of our own validators contain the value.
        hidden = name.endswith("_url") or entry["type"] == "value_error"
        described.append(f"{PREFIX}{name.upper()}: {message}" + ("" if hidden else f", got {entry['input']!r}"))
    return described


def _reject_unknown_names(file: Path | None) -> None:
    """Raise ConfigurationError for a YAML file with names that are no settings."""
    if file is None:
        return
    try:
        content = yaml.safe_load(file.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"cannot read {file}: {_in_one_line(error)}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file}: expected `name: value` lines")
    if unknown := sorted(str(name) for name in content if name not in Settings.model_fields):
        raise ConfigurationError(f"{file}: unknown settings: {', '.join(unknown)}; see {REFERENCE}")


def _is_locked(file: Path) -> bool:
    """Return whether another process holds an exclusive lock. A killed process leaves the file but not the lock."""
    with file.open() as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
