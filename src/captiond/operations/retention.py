"""Which images are deleted because of their age or because of the space that they take."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from captiond.archive import Archive, Expired, ExpiredImage
from captiond.operations.retention_limits import CameraLimits, Limits

_PREVIEW_IMAGES = 1000


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The limits of all images, and those of single cameras.

    The age of a camera replaces that of all images; None stands for any age. A size is one more limit: that of a camera
    counts its images, and the other counts all images.
    """

    limits: Limits = field(default_factory=Limits)
    cameras: CameraLimits = field(default_factory=dict)

    def is_unlimited(self) -> bool:
        """Return whether no image ever expires."""
        return not any(filter(None, (self.limits.age, *self.cameras.values()))) and self.limits.max_bytes is None

    def select(self, archive: Archive, now: datetime) -> Iterator[Expired]:
        """Yield what has expired. Images of earlier selections do not count for sizes. Raises ArchiveUnavailable."""
        earlier: list[Expired] = []
        for selection in self._select(archive, now, earlier):
            earlier.append(selection)
            yield selection

    def _select(self, archive: Archive, now: datetime, earlier: Sequence[Expired]) -> Iterator[Expired]:
        own_age = tuple(name for name, limits in self.cameras.items() if limits is None or limits.age is not None)
        if self.limits.age is not None:
            yield _older_than(self.limits.age, now, except_cameras=own_age)
        for name, limits in self.cameras.items():
            if limits is not None:
                yield from select_expired(archive, limits, now, name, earlier)
        yield from select_expired(archive, Limits(max_bytes=self.limits.max_bytes), now, earlier=earlier)


def select_expired(
    archive: Archive, limits: Limits, now: datetime, camera: str | None = None, earlier: Sequence[Expired] = ()
) -> Iterator[Expired]:
    """Yield what exceeds limits: of one camera, or of all images. Raises ArchiveUnavailable.

    Images of earlier selections do not count for the size, whether they are deleted meanwhile or only listed.
    """
    old = [] if limits.age is None else [_older_than(limits.age, now, camera)]
    yield from old
    if limits.max_bytes is not None:
        cursor = archive.lifecycle.size_cursor(limits.max_bytes, camera, [*earlier, *old])
        if cursor:
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


def _older_than(
    age: timedelta, now: datetime, camera: str | None = None, except_cameras: tuple[str, ...] = ()
) -> Expired:
    return Expired((now - age, UUID(int=0)), camera, except_cameras)
