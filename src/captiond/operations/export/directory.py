"""An export as a directory, which a repeated call completes."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from captiond.operations.export.images import (
    ExportImage,
    FileUnavailable,
    Folder,
    ImageDeleted,
    ImageSource,
)
from captiond.operations.export.index import MISSING, ExportIndex
from captiond.operations.export.prefetching import THREADS

PART_SUFFIX = ".part"
# Files of an earlier export that this one may not replace.
_OF_EARLIER = re.compile(rf"index-\d{{4,}}\.html|{re.escape(MISSING)}")


def write_directory(
    root: Path, source: ImageSource, folders: Collection[Folder], index: ExportIndex
) -> Iterator[ExportImage]:
    """Write the files that are missing or altered, then the index. Yields each image. Threads share the source.

    A file is complete, or has the suffix `.part`. Raises OSError, and the errors of the source.
    """
    written = set()
    with ThreadPoolExecutor(THREADS) as pool:
        while page := source.next_page():
            writing = [pool.submit(_write_image, root, source, image, folders) for image in page]
            try:
                for image, result in zip(page, writing, strict=True):
                    failures = result.result()
                    if failures is None:
                        continue
                    for file in index.add(image, failures):
                        _write(root / file.name, file.chunks)
                        written.add(file.name)
                    yield image
            finally:
                for result in writing:
                    result.cancel()
    for file in index.finish():
        _write(root / file.name, file.chunks)
        written.add(file.name)
    for path in root.iterdir():
        if _OF_EARLIER.fullmatch(path.name) and path.name not in written:
            path.unlink()


def _write_image(
    root: Path, source: ImageSource, image: ExportImage, folders: Collection[Folder]
) -> Mapping[Folder, str] | None:
    """Return the reasons why files are missing, None if the image was deleted."""
    failures: dict[Folder, str] = {}
    for folder in folders:
        path = root / image.file_name(folder)
        try:
            if not _is_intact(path, image.checksums[folder]):
                _write(path, [source.load(image, folder)])
        except ImageDeleted:
            return None
        except FileUnavailable as error:
            failures[folder] = str(error)
    return failures


def _is_intact(path: Path, checksum: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == checksum
    except FileNotFoundError:
        return False


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file under another name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART_SUFFIX)
    with part.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
    part.replace(path)
