"""Constructs the parts that several services and commands share, from the settings."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from captiond.archive import WORKER_LIMITS, Archive, TimeLimits
from captiond.imaging import Captioner, FontNotFound, Style
from captiond.operations.dead_letter_files import FOLDER, DeadLetterFiles
from captiond.operations.dead_letters import DeadLetterQueues
from captiond.operations.deletion import ImageDeletion
from captiond.operations.retention import RetentionPolicy, parse_camera_limits, parse_limits
from captiond.operations.thumbnail_cache import ThumbnailCache
from captiond.settings import ConfigurationError, Settings, require_value
from captiond.workqueue import Broker, Budget
from captiond.workqueue.admin import ServerRequirements


def open_broker(settings: Settings) -> Broker:
    """Create the broker, without connecting. Raises ConfigurationError, such as StackNotRunning."""
    require_value(settings, "redis_url")
    try:
        return Broker(settings.redis_url.get_secret_value())
    except ValueError as error:
        raise ConfigurationError(f"CAPTIOND_REDIS_URL: {error}") from error


def make_budget(settings: Settings) -> Budget:
    """Return the limits of the queues."""
    return Budget(settings.max_backlog, settings.max_backlog_bytes, settings.max_dead_letter_bytes)


def make_server_requirements(settings: Settings) -> ServerRequirements:
    """Return what the durability setting requires of Redis."""
    replicas = settings.replicas if settings.durability == "ha" else 0
    return ServerRequirements(fsync=settings.durability != "fast", replicas=replicas)


def make_dead_letter_files(settings: Settings) -> DeadLetterFiles:
    """Return the directory of the dead letters that exceed their budget."""
    return DeadLetterFiles(settings.dead_letter_dir or settings.images_dir / FOLDER)


def make_dead_letters(broker: Broker, settings: Settings) -> DeadLetterQueues:
    """Return the dead letters of all queues."""
    return DeadLetterQueues(broker.dead_letters, make_dead_letter_files(settings))


@contextmanager
def open_archive(settings: Settings, limits: TimeLimits = WORKER_LIMITS) -> Iterator[Archive]:
    """Open the archive. The first use connects to the database. Raises ConfigurationError."""
    url = settings.database_url.get_secret_value()
    with ExitStack() as opened:
        try:
            archive = opened.enter_context(Archive.open(url, settings.images_dir, limits))
        except ValueError as error:
            raise ConfigurationError(f"CAPTIOND_DATABASE_URL: {error}") from error
        yield archive


def make_thumbnail_cache(settings: Settings) -> ThumbnailCache:
    """Return the cache of thumbnails. Creates no directory."""
    return ThumbnailCache(settings.thumbnails_dir, settings.max_thumbnail_bytes)


def make_deletion(archive: Archive, broker: Broker, settings: Settings) -> ImageDeletion:
    """Return what deletes images with everything that belongs to them."""
    return ImageDeletion(archive, broker.jobs, broker.monitor, make_thumbnail_cache(settings))


def make_retention_policy(settings: Settings) -> RetentionPolicy:
    """Return when images expire."""
    return RetentionPolicy(parse_limits(settings.retention), parse_camera_limits(settings.retention_cameras))


def make_captioner(settings: Settings) -> Captioner:
    """Load the font. Raises ConfigurationError."""
    try:
        return Captioner(make_style(settings))
    except FontNotFound as error:
        raise ConfigurationError(f"CAPTIOND_FONT_NAME: {error}") from error


def make_style(settings: Settings) -> Style:
    """Return the style of the captions."""
    return Style(
        font_name=settings.font_name,
        font_size_px=settings.font_size,
        max_pixels=settings.max_pixels,
        max_scans=settings.max_scans,
        text_colour=settings.caption_text_colour,
        strip_colour=settings.caption_strip_colour,
        padding_px=settings.caption_padding,
        alignment=settings.caption_alignment,
        position=settings.caption_position,
        check_damage=settings.check_damage,
    )
