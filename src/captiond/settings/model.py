"""The settings and their defaults."""

import os
import re
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from captiond.operations.caption_template import DEFAULT_EVENT_TEMPLATE, DEFAULT_TEMPLATE
from captiond.operations.keep_originals import KeepOriginals
from captiond.settings.types import (
    Auth,
    CameraRetention,
    Colour,
    FurtherNetworks,
    Groups,
    HeaderName,
    HostNames,
    Ipv4,
    Networks,
    PathRegex,
    PortRange,
    Rate,
    Retention,
    SecretUrl,
    Template,
    TimeZone,
    Url,
)

PREFIX = "CAPTIOND_"
REFERENCE = "docs/reference/settings.md"
_SQLITE_PATH = re.compile(r"(?<=:///)(?!/|:memory:)[^?]+")


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

    redis_url: SecretUrl = SecretStr("redis://127.0.0.1:6379/0")
    """URL of the Redis or Valkey server: `redis://`, `rediss://` (TLS) or `unix://`."""
    database_url: SecretUrl = SecretStr("sqlite:///var/captiond.db")
    """SQLAlchemy URL of the database: `sqlite`, `postgresql+psycopg`, `mysql+pymysql` or `mariadb+pymysql`. Write `#`,
    `?` and `%` of a path or password as `%23`, `%3F` and `%25`."""
    images_dir: Path = Path("var/images")
    """Directory of the archived images."""
    thumbnails_dir: Path = Path("var/thumbnails")
    """Directory of the cached thumbnails. It may be deleted at any time, and several API processes may share it."""
    font_name: str | None = None
    """Font of the captions: a family name such as `DejaVu Sans`, or the path of a font file. Unset: the bundled
    Roboto."""
    font_size: int = Field(default=12, ge=6, le=200)
    """Font size in pixels, 6 to 200."""
    caption_template: Template = DEFAULT_TEMPLATE
    """Text of the captions: fields in braces and text. See [the template](../how-to/caption-template.md)."""
    timezone: TimeZone = "UTC"
    """IANA time zone of the times in captions, such as `Europe/Moscow`, and of times that cameras send without an
    offset. Stored times stay in UTC."""
    hikvision_description: Template = DEFAULT_EVENT_TEMPLATE
    """Template of the description of a [Hikvision event](../how-to/hikvision.md)."""
    dahua_description: Template = DEFAULT_EVENT_TEMPLATE
    """Template of the description of a [Dahua event](../how-to/dahua.md)."""
    camera_pictures: Literal["all", "main"] = "all"
    """Which pictures of a camera's event are archived: `all`, or only `main`, which shows the whole scene."""
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
    max_scans: int = Field(default=100, ge=1)
    """Maximum number of scans of a photo. Encoders write one, or about ten in a progressive photo. A photo with more is
    rejected before it is decoded, because each scan takes time even if it is empty."""
    max_cpu_seconds: float = Field(default=3.0, ge=0.1, le=60)
    """Maximum CPU time for captioning one photo, in seconds. A photo that takes a quarter of it is captioned again in a
    process of its own; one that takes all of it is rejected."""
    retention: Retention = "off"
    """When the archiver deletes images: after an age in hours, days or weeks (`90d`), beyond a total size (`500G`), or
    both (`90d+500G`). See [retention](../how-to/retention.md)."""
    retention_cameras: CameraRetention = ""
    """Limits of single cameras: `gate=365d,yard=7d+50G,lab=off`. An age replaces that of `CAPTIOND_RETENTION`, `off`
    by any age. A size limits the images of the camera, within the total."""
    retention_rate: int = Field(default=200, ge=1)
    """Maximum number of images that one archiver deletes per second because of their age or size."""
    check_damage: bool = True
    """Whether to check the compressed data of every photo for damage. Damaged photos are archived and flagged."""
    allowed_hosts: HostNames = ("*",)
    """Host names and addresses that clients may request, separated by commas: `captiond.example.com,10.0.0.5`.
    `*.example.com` allows all subdomains, `*` every host. Requests for others get status 421, except for
    `/health/…`."""
    operations: Literal["auto", "on", "off"] = "auto"
    """Whether HTTP clients may read and change dead letters and webhooks, read the state of the system and the audit
    log, and delete and hold images: `on`, `off`, or `auto`. With `CAPTIOND_AUTH=keys`, `auto` allows it for keys with
    the scope for it. Else it allows it if the API listens on a loopback address, for requests to such an address
    that no reverse proxy has forwarded. With `on` and without keys, protect [these
    paths](../how-to/monitor.md#operations-over-http) yourself."""
    role: Literal["all", "api", "captioner", "archiver", "ftp", "notifier"] = "all"
    """Which service this machine or container runs. `captiond doctor` checks only what this service needs."""
    log_dir: Path = Path("var/log")
    """Directory of the log files, one per service."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Lowest level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    log_format: Literal["text", "json"] = "text"
    """Format of the log files and of stderr: `text`, or `json` with one [JSON object](../how-to/monitor.md#logs) per
    line."""
    run_dir: Path = Field(default_factory=lambda: Path(tempfile.gettempdir()) / f"captiond-{os.getuid()}")
    """Directory of the workers' heartbeat files, which `captiond-healthcheck` reads."""
    max_upload_bytes: int = Field(default=10 << 20, ge=1)
    """Maximum size of an image in bytes."""
    max_upload_memory: int = Field(default=256 << 20, ge=1)
    """Maximum size of all uploads in progress together in bytes. Above it, uploads get status 503 before their body is
    read. An upload without Content-Length counts as the largest possible one."""
    max_original_memory: int = Field(default=64 << 20, ge=1)
    """Memory for originals that are restored or sent, in bytes. Above it, requests for originals get status 503."""
    max_thumbnail_bytes: int = Field(default=256 << 20, ge=0)
    """Maximum size of all cached thumbnails together in bytes. Above it, the least recently used ones are deleted. Each
    further API process may exceed it by an eighth. 0 disables the cache."""
    max_exports: int = Field(default=2, ge=1)
    """Maximum number of [exports](../how-to/export.md) in progress. Above it, a new one gets status 503. Each holds one
    image with its original in memory."""
    max_event_streams: int = Field(default=500, ge=1)
    """Maximum number of clients of `GET /api/events`. Above it, a new one gets status 503."""
    upload_rate: Rate = "off"
    """Maximum rate of uploads per client, over HTTP and FTP: a number per `second`, `minute`, `hour` or `day`, or
    `off`. A client is an API key, a user of a proxy, or else an address; the addresses of an IPv6 /64 network are one
    client. Above it, the client gets status 429 with `Retry-After`, or the FTP reply 450. The processes of a deployment
    [count together](../how-to/secure.md#limit-rates)."""
    request_rate: Rate = "off"
    """Maximum rate of all other requests per client, in the same form. `/health/…` and files without data are not
    counted. One view of the web page can need 60 requests at once."""
    preview_rate: Rate = "10/second"
    """Maximum rate of `POST /api/preview` per client, in the same form."""
    max_connections: int = Field(default=2000, ge=1)
    """Maximum number of HTTP connections. Above it, a new one gets status 503 and is closed. The API raises its limit
    of open files as far as needed."""
    max_head_bytes: int = Field(default=32 << 10, ge=1024)
    """Maximum size of request line and headers in bytes. Above it, the request gets status 431."""
    head_timeout: float = Field(default=20, gt=0)
    """Time for request line and headers in seconds. Then the request gets status 408."""
    min_body_rate: int = Field(default=1024, ge=0)
    """Minimum speed of an upload in bytes per second, measured over 10 s. A slower one gets status 408."""
    max_body_seconds: float = Field(default=300, gt=0)
    """Maximum time of an upload in seconds. Then it gets status 408."""
    write_timeout: float = Field(default=30, gt=0)
    """Time in which a client must read the next 48 KiB of a response, in seconds. Then its connection is reset."""
    max_unsent_bytes: int = Field(default=128 << 20, ge=1 << 20)
    """Maximum size of all responses that clients have not read yet, in bytes. Above it, the connections with the most
    are reset."""
    linger_seconds: float = Field(default=30, ge=0)
    """Maximum time in seconds for which the rest of a refused request is read and discarded, so that the client sees
    the response."""
    linger_bytes: int = Field(default=256 << 20, ge=0)
    """Maximum size of the rest of a refused request that is read and discarded, in bytes."""
    max_backlog: int = Field(default=10_000, ge=1)
    """Maximum number of messages in queue `uploads`. Above it, uploads get status 503."""
    max_captioned: int = Field(default=1000, ge=1)
    """Maximum number of messages in queue `captioned`. Above it, captioners wait for the archiver."""
    max_backlog_bytes: int = Field(default=1 << 30, ge=1)
    """Maximum size of queues `uploads` and `captioned` together in bytes. Above it, uploads get status 503."""
    max_dead_letter_bytes: int = Field(default=1 << 28, ge=0)
    """Maximum size of all dead letters in Redis in bytes. Above it, the archiver moves the oldest images to
    `CAPTIOND_DEAD_LETTER_DIR`. Until then, the rest counts towards `CAPTIOND_MAX_BACKLOG_BYTES`."""
    dead_letter_dir: Path | None = None
    """Directory of the images of dead letters beyond their budget, which the archiver and `captiond dead` use. Unset:
    `dead-letters` in the images directory."""
    request_timeout: int = Field(default=10, ge=1, le=15)
    """Seconds that a request waits for Redis or the archive, 1 to 15. After that it gets status 503. The time to
    receive an upload and to send a response is not included."""
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

    ftp_user: str = "camera"
    """User name for `captiond ftp`."""
    ftp_password: SecretStr | None = None
    """Password for `captiond ftp`, which does not start without a password or `CAPTIOND_AUTH=keys`."""
    ftp_certificate: Path | None = None
    """Certificate chain of the FTP service in PEM format. With it, clients may use explicit TLS (FTPS)."""
    ftp_key: Path | None = None
    """Private key of `CAPTIOND_FTP_CERTIFICATE` in PEM format. Unset: in the same file."""
    ftp_require_tls: bool = False
    """Whether FTP clients must use TLS for login and data."""
    ftp_passive_ports: PortRange | None = None
    """Ports for passive FTP data connections, such as `30000-30199`. Unset: any free port. Each session needs one, so
    the number of ports also limits the sessions."""
    ftp_masquerade_address: Ipv4 | None = None
    """IPv4 address in replies to PASV, if clients reach the FTP service through NAT or a published container port."""
    ftp_path_pattern: PathRegex | None = None
    """Regular expression with named groups that reads fields from the path of an FTP upload. See
    [the page](../how-to/ftp.md#fields-from-the-path)."""
    ftp_description: Template = DEFAULT_TEMPLATE
    """Template of the description of FTP uploads, with the fields from the path. `{description}` is the file name
    without its suffix."""
    max_ftp_sessions: int = Field(default=200, ge=1, le=300)
    """Maximum number of FTP sessions, 1 to 300. Above it, a new session gets reply 421."""

    auth: Auth = "off"
    """Access control of the API: `off`, or `keys`, which requires an [API key](../how-to/secure.md) of every client. If
    the API listens on another address than loopback, `off` logs a warning."""
    auth_user_header: HeaderName | None = None
    """With `CAPTIOND_AUTH=keys`: header with the name of a user that a reverse proxy has authenticated, such as
    `X-Auth-Request-User`. The API accepts it from `CAPTIOND_TRUSTED_PROXIES` only."""
    auth_groups_header: HeaderName | None = None
    """Header with the groups of that user, separated by commas, such as `X-Auth-Request-Groups`."""
    auth_groups: Groups = ""
    """Scopes of the groups: `viewers=read,guards=read+upload,admins=read+upload+operate`. The group `*` is that of
    every user."""

    signing_keys: Path | None = None
    """JWK Set file of the key that signs [receipts and seals](../how-to/prove.md), which `captiond signing-key create`
    makes. Unset: no receipts, and seals have no signature. `captiond up` creates one in its data directory."""
    receipts: Literal["requested", "always"] = "requested"
    """Which uploads get a receipt: those with the header `Prefer: receipt` (`requested`), or `always`."""
    seal_minutes: float = Field(default=60, ge=0, le=10_080)
    """Interval at which the archiver seals new images, in minutes, at most a week. 0 disables it."""
    time_stamp_url: SecretUrl | None = None
    """URL of a time-stamping authority (RFC 3161) for the newest seal. Unset: seals have no time stamp."""
    audit_uploads: bool = False
    """Whether the [audit log](../how-to/audit.md) has an entry for each upload: `on` or `off`. Changes by operators and
    administrators are always in it."""
    audit_reads: int = Field(default=100, ge=0, le=100)
    """Share of the reads of captioned images, originals and exports that the audit log has, in per cent. 0: none."""
    audit_thumbnails: bool = False
    """Whether thumbnails count as reads: `on` or `off`."""
    audit_days: int | None = Field(default=None, ge=2, le=36500)
    """Days after which the archiver deletes entries of the audit log, at least 2. Unset: never."""

    webhook_networks: FurtherNetworks = ""
    """Addresses or networks that [webhooks](../how-to/webhooks.md) may reach besides public addresses, separated by
    commas: `10.0.0.0/8,127.0.0.1`. `*` allows all."""

    page: bool = True
    """Whether the API serves the web page: `on` or `off`."""

    api_url: Url = "http://127.0.0.1:8000"
    """URL of the API, for the commands that use it, such as `captiond send`, `list`, `get` and `watch`."""
    api_key: SecretStr | None = None
    """API key that these commands send as `Authorization: Bearer`, or as `X-API-Key` if the URL has a user and a
    password. `CAPTIOND_AUTH=keys` or a reverse proxy may require it."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read no source here: `resolve` reads them one by one, to record the source of each value."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def absolute_url(url: str) -> str:
    """Return the URL; the path of an SQLite database becomes absolute."""
    return _SQLITE_PATH.sub(lambda path: str(Path(path[0]).absolute()), url) if url.startswith("sqlite") else url
