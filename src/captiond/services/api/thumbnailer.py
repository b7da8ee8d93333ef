"""Makes thumbnails in separate threads, with limits, and caches them."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from captiond.archive import StoredImage
from captiond.imaging import NoThumbnail, make_thumbnail
from captiond.operations.thumbnail_cache import ThumbnailCache, thumbnail_key
from captiond.services.api.http.problem_types import NO_THUMBNAIL
from captiond.services.api.http.problems import Problem
from captiond.services.api.quota import Quota
from captiond.services.api.threads import DaemonThreads

# libjpeg runs without the GIL, so that two threads use two cores.
MAKERS = 2
# Cached thumbnails do not wait for others to be made, and a disk that does not answer blocks no other request.
READERS = 2
# Further requests get 503. They take about half a second together for images of 640x496 pixels.
MAX_WAITING = 256
# A progressive image takes up to 6 bytes per pixel while it is decoded. Larger ones are decoded one at a time.
LARGE_PIXELS = 16_000_000
# The strip may be as high as the photo, whose limit is CAPTIOND_MAX_PIXELS.
STRIP_FACTOR = 2


def _no_cache() -> ThumbnailCache:
    return ThumbnailCache(Path(), 0)


@dataclass(frozen=True, slots=True)
class Thumbnailer:
    """Returns the thumbnails of archived images. For one event loop."""

    max_photo_pixels: int = 50_000_000
    cache: ThumbnailCache = field(default_factory=_no_cache)
    waiting: Quota = field(default_factory=lambda: Quota(MAX_WAITING, "thumbnails in progress"))
    _readers: DaemonThreads = field(default_factory=lambda: DaemonThreads("thumbnail cache", READERS))
    _makers: DaemonThreads = field(default_factory=lambda: DaemonThreads("thumbnails", MAKERS))
    _large: threading.Lock = field(default_factory=threading.Lock)

    async def get(self, image: StoredImage, read_file: Callable[[], bytes], is_archived: Callable[[], bool]) -> bytes:
        """Return the cached thumbnail, or make it from a JPEG and cache it. Raises Problem and errors of `read_file`.

        If the caller is cancelled, a thumbnail whose making has started is still cached. Unless `is_archived` then
        confirms the image, its thumbnail is deleted again.
        """
        with self.waiting.reserve(1):
            if cached := await asyncio.wrap_future(
                self._readers.submit(lambda: self.cache.read(thumbnail_key(image.sha256)))
            ):
                return cached
            return await asyncio.wrap_future(self._makers.submit(lambda: self._make(image, read_file, is_archived)))

    def close(self) -> None:
        """End the threads."""
        self._readers.close()
        self._makers.close()

    def _make(self, image: StoredImage, read_file: Callable[[], bytes], is_archived: Callable[[], bool]) -> bytes:
        # Another request may have made it while this one waited for a thread.
        if cached := self.cache.read(thumbnail_key(image.sha256)):
            return cached
        is_large = image.width * image.height > LARGE_PIXELS
        with self._large if is_large else nullcontext():
            try:
                jpeg = make_thumbnail(BytesIO(read_file()), STRIP_FACTOR * self.max_photo_pixels)
            except NoThumbnail as error:
                raise Problem(NO_THUMBNAIL, str(error)) from error
        self.cache.write(thumbnail_key(image.sha256), jpeg)
        # A deletion after `read_file` deletes no thumbnail that does not exist yet.
        if not is_archived():
            self.cache.delete(thumbnail_key(image.sha256))
        return jpeg
