"""The checks of `captiond doctor`. Each yields its results; an error that it raises is one, too."""

import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from captiond.archive import API_LIMITS, Archive, ArchiveUnavailable
from captiond.archive.files import nearest_existing, probe_write
from captiond.cli.hung_database import exit_if_hung
from captiond.imaging.jpeg.native import is_native
from captiond.operations.deployment import require_one_deployment
from captiond.settings import ConfigurationError, Settings, find_unknown_variables, resolve, show_settings
from captiond.wiring.archives import open_archive
from captiond.wiring.captions import describe_font
from captiond.wiring.ftp import check_ftp_settings
from captiond.wiring.queues import make_server_requirements, open_broker
from captiond.workqueue.admin import find_server_problems
from captiond.workqueue.errors import OtherDeployment, QueueUnavailable

# Ages of messages and times of images come from different machines.
MAX_CLOCK_SECONDS = 2.0
LOW_DISK_BYTES = 1 << 30
FULL_MEMORY_SHARE = 0.9

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found. `detail` names the value, and for a problem the fix."""

    level: Level
    detail: str = ""


Check = Callable[[Settings], Iterator[Finding]]


NOT_CHECKED = Finding("warning", "not checked, because another check failed")


def run_check(check: Check, settings: Settings) -> list[Finding]:
    """Return the findings of a check, and the error that ended it."""
    found: list[Finding] = []
    try:
        found.extend(check(settings))
    except QueueUnavailable as error:
        found.append(Finding("error", f"CAPTIOND_REDIS_URL: {error}; got {_shown('redis_url')}"))
    except ArchiveUnavailable as error:
        name = "images_dir" if "images directory" in str(error) else "database_url"
        found.append(Finding("error", f"{error}; CAPTIOND_{name.upper()} is {_shown(name)}"))
    except ConfigurationError as error:
        url = next((name for name in ("redis_url", "database_url") if name.upper() in str(error)), None)
        found.append(Finding("error", f"{error}; got {_shown(url)}" if url else str(error)))
    except OSError as error:
        found.append(Finding("error", str(error)))
    return found


def check_versions(_: Settings) -> Iterator[Finding]:
    """Report the versions of captiond and what it runs on."""
    yield Finding(
        "ok", f"captiond {version('captiond')}, Python {platform.python_version()}, Pillow {version('pillow')}"
    )


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Find misspelled variables, and an unusable certificate of the FTP service."""
    yield from (Finding("error", problem) for problem in find_unknown_variables())
    if settings.role == "ftp" or settings.ftp_password is not None:
        check_ftp_settings(settings)


def check_font(settings: Settings) -> Iterator[Finding]:
    """Report the file of the font: another font may stand for the family, as Liberation Sans for Arial."""
    yield Finding("ok", f"{settings.font_name or 'bundled'}: {describe_font(settings)}")


def check_decoder(_: Settings) -> Iterator[Finding]:
    """Report whether the compiled decoder is used."""
    if is_native():
        yield Finding("ok", "compiled")
    else:
        yield Finding("warning", "interpreted: photos that need more than 8 KiB decoded are re-encoded")


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Check version, persistence, eviction, memory, permissions and clock of Redis."""
    requirements = make_server_requirements(settings)
    with open_broker(settings) as broker:
        for problem in find_server_problems(broker.monitor, requirements):
            yield Finding("error", problem)
        broker.monitor.probe_permissions(requirements.replicas)
        asked_at = time.time()
        info = broker.monitor.server_info()
        answered_at = time.time()
        yield from find_server_state_problems(info)
        if microseconds := int(str(info.get("server_time_usec", 0))):
            yield from compare_clock("Redis", microseconds / 1e6, asked_at, answered_at)
        yield Finding("ok", f"{_server_name(info)} at {_shown('redis_url')}")


def check_database(settings: Settings) -> Iterator[Finding]:
    """Check version, encoding, schema and clock of the database."""
    with open_archive(settings, API_LIMITS) as archive, exit_if_hung(archive):
        if problem := archive.find_schema_problem():
            yield Finding("error", problem)
            return
        asked_at = time.time()
        clock = archive.read_clock()
        if clock is not None:
            yield from compare_clock("the database", clock, asked_at, time.time())
        found = archive.read_version()
        yield Finding("ok", f"{found.dialect} {found.version}, schema {found.schema_revision}")


def check_readable_archive(settings: Settings) -> Iterator[Finding]:
    """Check that images can be read, as the API does."""
    yield from _check_archive(settings, Archive.ping)


def check_writable_archive(settings: Settings) -> Iterator[Finding]:
    """Check that files and rows can be written, by writing some."""
    yield from _check_archive(settings, Archive.check_writable)
    yield from _check_space(settings.images_dir)


def check_deployment(settings: Settings) -> Iterator[Finding]:
    """Check that Redis and database belong together. Other checks report those that are unavailable."""
    try:
        with open_broker(settings) as broker, open_archive(settings, API_LIMITS) as archive:
            require_one_deployment(broker.monitor, archive)
    except OtherDeployment as error:
        yield Finding("error", str(error))
    except (ArchiveUnavailable, ConfigurationError, QueueUnavailable):
        yield NOT_CHECKED


def check_directories(settings: Settings) -> Iterator[Finding]:
    """Check by writing a file that the service can write to its directories."""
    folders = {"CAPTIOND_LOG_DIR": settings.log_dir}
    if settings.role != "api":
        folders["CAPTIOND_RUN_DIR"] = settings.run_dir
    if settings.role in {"all", "api", "archiver"}:
        folders["CAPTIOND_THUMBNAILS_DIR"] = settings.thumbnails_dir
    if settings.dead_letter_dir is not None and settings.role in {"all", "archiver"}:
        folders["CAPTIOND_DEAD_LETTER_DIR"] = settings.dead_letter_dir
    for name, folder in folders.items():
        try:
            probe_write(nearest_existing(folder))
        except OSError as error:
            yield Finding("error", f"{name}: cannot write to {folder} ({error.strerror})")
    yield from _check_space(settings.log_dir)


def compare_clock(name: str, clock: float, asked_at: float, answered_at: float) -> Iterator[Finding]:
    """Compare a server's clock with the times, in seconds since the epoch, between which it was read."""
    ahead = max(clock - answered_at, 0.0) - max(asked_at - clock, 0.0)
    if abs(ahead) > MAX_CLOCK_SECONDS:
        where = "ahead of" if ahead > 0 else "behind"
        yield Finding(
            "warning", f"the clock of {name} is {abs(ahead):.1f} s {where} that of this machine; synchronise both (NTP)"
        )


def find_server_state_problems(info: Mapping[str, object]) -> Iterator[Finding]:
    """Find failed writes and nearly full memory in the INFO of Redis."""
    for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
        if info.get(name, "ok") != "ok":
            yield Finding("error", f"{name} is {info[name]}: Redis cannot write to its disk; see the log of Redis")
    used, limit = (int(str(info.get(name, 0))) for name in ("used_memory", "maxmemory"))
    if limit and used > limit * FULL_MEMORY_SHARE:
        yield Finding("warning", f"Redis uses {used} of {limit} bytes; uploads are refused above; raise maxmemory")


def _check_archive(settings: Settings, check: Callable[[Archive], None]) -> Iterator[Finding]:
    with open_archive(settings, API_LIMITS) as archive, exit_if_hung(archive):
        try:
            is_usable = not archive.find_schema_problem()
        except ArchiveUnavailable:
            is_usable = False
        if not is_usable:
            yield NOT_CHECKED  # the check of the database reports why
            return
        check(archive)
        yield Finding("ok", str(settings.images_dir.absolute()))


def _check_space(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(nearest_existing(folder)).free
    if free < LOW_DISK_BYTES:
        yield Finding("warning", f"{free} bytes are free on the disk of {folder}")


def _server_name(info: Mapping[str, object]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of unknown version')}"


def _shown(name: str) -> str:
    """Return a setting with its password hidden."""
    return next(str(setting.value) for setting in show_settings(resolve()) if setting.name == name)
