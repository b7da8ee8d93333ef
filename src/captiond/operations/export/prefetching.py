"""Loads files ahead in threads, from a source whose files take a round trip each."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeAlias
from uuid import UUID

from captiond.operations.export.images import ExportImage, Folder, ImageSource

# Requests at the same time, as many as `captiond send` has. Their files are in memory together.
THREADS = 8
_Key: TypeAlias = tuple[UUID, Folder]


class Prefetching:
    """A source whose threads read another source. Files are loaded in the order of pages and folders."""

    def __init__(self, source: ImageSource, folders: Collection[Folder]) -> None:
        self._source = source
        self._folders = folders
        self._pool = ThreadPoolExecutor(THREADS)
        self._waiting: deque[tuple[ExportImage, Folder]] = deque()
        self._loading: dict[_Key, Future[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def next_page(self) -> Sequence[ExportImage]:
        """Return the next images."""
        page = self._source.next_page()
        self._waiting = deque((image, folder) for image in page for folder in self._folders)
        self._loading.clear()
        return page

    def seals_after(self, number: int) -> list[Mapping[str, object]]:
        """Return the next seals."""
        return self._source.seals_after(number)

    def public_keys(self) -> Mapping[str, object]:
        """Return the JWK Set."""
        return self._source.public_keys()

    def load(self, image: ExportImage, folder: Folder) -> bytes:
        """Return a file, and start to load the next ones."""
        key = (image.id, folder)
        # Earlier files are not needed: those of a deleted image.
        for earlier in list(self._loading):
            if earlier == key:
                break
            del self._loading[earlier]
        while self._waiting and len(self._loading) < THREADS:
            following, its_folder = self._waiting.popleft()
            self._loading[following.id, its_folder] = self._pool.submit(self._source.load, following, its_folder)
        return self._loading.pop(key).result()
