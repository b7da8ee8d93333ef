"""An export as a directory, which a repeated call completes."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from captiond.operations.export.chain import PUBLIC_KEYS, SEALS
from captiond.operations.export.images import (
    ExportImage,
    Folder,
    FoundFiles,
    ImageDeleted,
    ImageSource,
    find_files,
)
from captiond.operations.export.index import MISSING, ExportIndex
from captiond.operations.export.prefetching import THREADS
from captiond.operations.export.proofs import InvalidProof, read_proof

PART_SUFFIX = ".part"
# Files of an earlier export that this one may not replace.
_OF_EARLIER = re.compile("|".join([r"index-\d{4,}\.html", *map(re.escape, (MISSING, SEALS, PUBLIC_KEYS))]))


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
                    files = result.result()
                    if files is None:
                        continue
                    for file in index.add(image, files):
                        _write(root / file.name, file.chunks)
                        written.add(file.name)
                    yield image
            finally:
                for result in writing:
                    result.cancel()
    while index.read_seals():
        pass
    for file in index.finish():
        _write(root / file.name, file.chunks)
        written.add(file.name)
    for path in root.iterdir():
        if _OF_EARLIER.fullmatch(path.name) and path.name not in written:
            path.unlink()


def _write_image(root: Path, source: ImageSource, image: ExportImage, folders: Collection[Folder]) -> FoundFiles | None:
    """Return the files of an image, None if it was deleted."""

    def complete(folder: Folder) -> bytes:
        path = root / image.file_name(folder)
        content = path.read_bytes() if path.is_file() else None
        if content is None or not _is_intact(image, folder, content):
            content = source.load(image, folder)
            _write(path, [content])
        return content

    try:
        return find_files(image, folders, complete)
    except ImageDeleted:
        return None


def _is_intact(image: ExportImage, folder: Folder, content: bytes) -> bool:
    if folder is not Folder.PROOFS:
        return hashlib.sha256(content).digest() == image.checksums[folder]
    try:
        return image.is_proved_by(read_proof(content).record)
    except InvalidProof:
        return False


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file under another name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART_SUFFIX)
    with part.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
    part.replace(path)
