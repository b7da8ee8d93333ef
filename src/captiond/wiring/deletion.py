"""Constructs what deletes images from the settings."""

from captiond.archive import Archive
from captiond.operations.deletion import ImageDeletion
from captiond.operations.retention import RetentionPolicy
from captiond.operations.retention_limits import parse_camera_limits, parse_limits
from captiond.operations.thumbnail_cache import ThumbnailCache
from captiond.settings import Settings
from captiond.workqueue import Broker


def make_thumbnail_cache(settings: Settings) -> ThumbnailCache:
    """Return the cache of thumbnails. Creates no directory."""
    return ThumbnailCache(settings.thumbnails_dir, settings.max_thumbnail_bytes)


def make_deletion(archive: Archive, broker: Broker, settings: Settings) -> ImageDeletion:
    """Return what deletes images with everything that belongs to them."""
    return ImageDeletion(archive, broker.jobs, broker.monitor, make_thumbnail_cache(settings))


def make_retention_policy(settings: Settings) -> RetentionPolicy:
    """Return when images expire."""
    return RetentionPolicy(parse_limits(settings.retention), parse_camera_limits(settings.retention_cameras))
