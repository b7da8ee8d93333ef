"""An export as a stream of bytes: a ZIP archive."""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from zlib import crc32

from captiond.operations.export.images import ExportImage, Folder, ImageDeleted, ImageSource, find_files
from captiond.operations.export.index import ExportIndex, IndexFile
from captiond.operations.export.zip_stream import ZipStream


class ZipExport:
    """Reads one image after another. Not for several threads at a time.

    Memory is that of a page of rows and of one image with its original.
    """

    def __init__(self, source: ImageSource, folders: Collection[Folder]) -> None:
        self._source = source
        self._folders = folders
        self._zip = ZipStream()
        self.index = ExportIndex(folders, source)
        self._waiting: deque[ExportImage] = deque()
        self._end: Iterator[bytes] | None = None

    def read(self) -> Sequence[bytes] | None:
        """Return the next bytes in pieces, None at the end.

        Raises the errors of the source. The call may be repeated then.
        """
        if self._end is None and not self._waiting:
            self._waiting.extend(self._source.next_page())
            if not self._waiting:
                if self.index.read_seals():
                    return []
                self._end = self._finish()
        if self._end is not None:
            chunk = next(self._end, None)
            return None if chunk is None else [chunk]
        try:
            pieces = self._add(self._waiting[0])
        except ImageDeleted:
            pieces = []
        self._waiting.popleft()
        return pieces

    def close(self) -> None:
        """Delete the temporary files."""
        self.index.close()
        self._zip.close()

    def _add(self, image: ExportImage) -> list[bytes]:
        contents: dict[Folder, bytes] = {}

        def load(folder: Folder) -> bytes:
            contents[folder] = self._source.load(image, folder)
            return contents[folder]

        files = find_files(image, self._folders, load)
        pieces: list[bytes] = []
        for folder in files.checksums:
            name, content = image.file_name(folder), contents[folder]
            pieces += [self._zip.add(name, len(content), crc32(content), image.received_at), content]
        for page in self.index.add(image, files):
            pieces += self._add_file(page)
        return pieces

    def _finish(self) -> Iterator[bytes]:
        for file in self.index.finish():
            yield from self._add_file(file)
        yield from self._zip.finish()

    def _add_file(self, file: IndexFile) -> Iterator[bytes]:
        yield self._zip.add(file.name, file.size_bytes, file.crc, datetime.now(UTC))
        yield from file.chunks
