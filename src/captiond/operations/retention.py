"""Which images are deleted because of their age or because of the space that they take."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from captiond.archive import Archive, Expired, ExpiredImage
from captiond.operations.quantities import parse_period, parse_size

UNLIMITED = "off"
_PREVIEW_IMAGES = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """How long images are stored, and how many bytes of them. None is no limit."""

    age: timedelta | None = None
    max_bytes: int | None = None


CameraLimits: TypeAlias = Mapping[str, Limits | None]


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The limits of all images, and those of single cameras.

    The age of a camera replaces that of all images; None stands for any age. A size is one more limit: that of a camera
    counts its images, and the other counts all images.
    """

    limits: Limits = Limits()
    cameras: CameraLimits = field(default_factory=dict)

    def is_unlimited(self) -> bool:
        """Return whether no image ever expires."""
        return not any(filter(None, (self.limits.age, *self.cameras.values()))) and self.limits.max_bytes is None

    def select(self, archive: Archive, now: datetime) -> Iterator[Expired]:
        """Yield what has expired. Raises ArchiveUnavailable."""
        own_age = tuple(name for name, limits in self.cameras.items() if limits is None or limits.age is not None)
        if self.limits.age is not None:
            yield _older_than(self.limits.age, now, except_cameras=own_age)
        for name, limits in self.cameras.items():
            if limits is not None:
                yield from select_expired(archive, limits, now, name)
        yield from select_expired(archive, Limits(max_bytes=self.limits.max_bytes), now)


def select_expired(archive: Archive, limits: Limits, now: datetime, camera: str | None = None) -> Iterator[Expired]:
    """Yield what exceeds limits: of one camera, or of all images. Raises ArchiveUnavailable."""
    if limits.age is not None:
        yield _older_than(limits.age, now, camera)
    # After the deletion of old images, because these count until then.
    if limits.max_bytes is not None and (cursor := archive.lifecycle.size_cursor(limits.max_bytes, camera)):
        yield Expired(cursor, camera)


def preview(archive: Archive, selections: Iterable[Expired]) -> Iterator[ExpiredImage]:
    """Yield each selected image once. Raises ArchiveUnavailable."""
    earlier: list[Expired] = []
    for selection in selections:
        after = None
        while found := archive.lifecycle.expired(selection, after, _PREVIEW_IMAGES):
            yield from (image for image in found if not any(other.covers(image) for other in earlier))
            after = (found[-1].received_at, found[-1].id)
        earlier.append(selection)


def parse_limits(text: str) -> Limits:
    """Parse an age, a size or both, such as `90d`, `500G` or `90d+500G`; `off` stands for none. Raises ValueError."""
    parts = [part.strip() for part in text.split("+")] if text.strip() not in ("", UNLIMITED) else []
    ages = [period for part in parts if (period := parse_period(part)) is not None]
    sizes = [size for part in parts if (size := parse_size(part)) is not None]
    # Zero would delete every image at once.
    if len(ages) + len(sizes) != len(parts) or len(ages) > 1 or len(sizes) > 1 or not all((*ages, *sizes)):
        raise ValueError(f"{text!r} is neither an age nor a size nor both; use for example 90d, 500G or 90d+500G")
    return Limits(next(iter(ages), None), next(iter(sizes), None))


def parse_camera_limits(text: str) -> dict[str, Limits | None]:
    """Parse `CAMERA=LIMITS,…`, such as `gate=365d,yard=7d+50G,lab=off`. Raises ValueError."""
    found: dict[str, Limits | None] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, limits = entry.rpartition("=")
        if not equals or not name.strip() or not limits.strip() or name.strip() in found:
            raise ValueError(f"{entry!r} is not CAMERA=LIMITS with a new name; use for example gate=365d,yard=7d+50G")
        found[name.strip()] = None if limits.strip() == UNLIMITED else parse_limits(limits)
    return found


def _older_than(
    age: timedelta, now: datetime, camera: str | None = None, except_cameras: tuple[str, ...] = ()
) -> Expired:
    return Expired((now - age, UUID(int=0)), camera, except_cameras)
