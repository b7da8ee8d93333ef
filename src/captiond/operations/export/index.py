"""The files that describe an export: pages for browsers, a table, checksums, and a list of missing files."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from zlib import crc32

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from captiond.operations.export.chain import SealChain, SealSource
from captiond.operations.export.csv_table import BYTE_ORDER_MARK, encode_row
from captiond.operations.export.images import ExportImage, Folder, FoundFiles
from captiond.operations.export.spool import Spool

INDEX, TABLE, CHECKSUMS, MISSING = "index.html", "index.csv", "SHA256SUMS", "MISSING.txt"
PAGE_ROWS = 1000
# The fields of an image in the table. A column per folder follows, with the paths of the files.
COLUMNS = (
    *("id", "received_at", "captured_at", "camera", "description", "caption", "labels", "width", "height", "bytes"),
    *("method", "reencode_reason", "damage", "sha256", "upload_sha256", "stored_at", "held"),
)


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file with its size in bytes and its CRC-32."""

    name: str
    chunks: Iterable[bytes]
    size_bytes: int
    crc: int


class _Row(NamedTuple):
    """An image of the current page, with the paths of its files, and the reasons why others are missing."""

    fields: Mapping[str, object]
    files: Mapping[Folder, str]
    failures: Mapping[Folder, str]


class _Page(NamedTuple):
    """A page of images, with the times of its first and last image."""

    name: str
    first: object
    last: object
    images: int


class ExportIndex:
    """Collects the images of one export, and returns each file as soon as it is complete."""

    def __init__(self, folders: Collection[Folder], seals: SealSource) -> None:
        self._folders = folders
        self._chain = SealChain(seals) if Folder.PROOFS in folders else None
        self._made_at = datetime.now(UTC)
        self._template = _load_template()
        self._table, self._sums, self._missing = Spool(), Spool(), Spool()
        self._table.write(BYTE_ORDER_MARK + encode_row([*COLUMNS, *folders]))
        self._rows: list[_Row] = []
        self._pages: list[_Page] = []
        self.images = self.missing_files = 0

    def add(self, image: ExportImage, files: FoundFiles) -> list[IndexFile]:
        """Add an image. Returns the page of the images before it, if it is full."""
        failures = files.failures
        if self._chain and files.seal_number is not None:
            self._chain.note(files.seal_number)
        page = [self._end_page()] if len(self._rows) == PAGE_ROWS else []
        names = {folder: image.file_name(folder) for folder in self._folders}
        for folder, checksum in files.checksums.items():
            self._add_checksum(names[folder], checksum)
        for folder, reason in failures.items():
            self._missing.write(f"{names[folder]}: {' '.join(reason.split())}\n".encode())
        found = {folder: "" if folder in failures else name for folder, name in names.items()}
        self._table.write(encode_row([*(_to_cell(image.fields.get(name)) for name in COLUMNS), *found.values()]))
        self._rows.append(_Row(image.fields, found, failures))
        self.images += 1
        self.missing_files += len(failures)
        return page

    def read_seals(self) -> bool:
        """Read the next seals after the last image. Returns False at the end. Raises the errors of their source."""
        return self._chain is not None and self._chain.read()

    def finish(self) -> Iterator[IndexFile]:
        """Yield the other files. A single page of images is `index.html`, else this page lists the others."""
        if self._pages and self._rows:
            yield self._end_page()
        yield self._render(
            INDEX, rows=self._rows, pages=self._pages, images=self.images, missing=self.missing_files, chain=self._chain
        )
        spools = {TABLE: self._table, **(self._chain.files if self._chain else {})}
        if self.missing_files:
            spools[MISSING] = self._missing
        for name, spool in spools.items():
            self._add_checksum(name, spool.sha256)
            yield _to_file(name, spool)
        yield _to_file(CHECKSUMS, self._sums)

    def close(self) -> None:
        """Delete the temporary files."""
        for spool in (self._table, self._sums, self._missing):
            spool.close()
        if self._chain:
            self._chain.close()

    def _end_page(self) -> IndexFile:
        name = f"index-{len(self._pages) + 1:04}.html"
        page = self._render(name, rows=self._rows, pages=(), images=len(self._rows), missing=0, chain=None)
        first, last = (self._rows[number].fields["received_at"] for number in (0, -1))
        self._pages.append(_Page(name, first, last, len(self._rows)))
        self._rows = []
        return page

    def _render(self, name: str, **values: object) -> IndexFile:
        content = self._template.render(made_at=self._made_at, name=name, **values).encode()
        self._add_checksum(name, sha256(content).digest())
        return IndexFile(name, (content,), len(content), crc32(content))

    def _add_checksum(self, name: str, digest: bytes) -> None:
        """Write a line as `sha256sum` does."""
        self._sums.write(f"{digest.hex()}  {name}\n".encode())


def _load_template() -> Template:
    loader = PackageLoader("captiond.operations.export", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(INDEX)


def _to_cell(value: object) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else str(value)


def _to_file(name: str, spool: Spool) -> IndexFile:
    return IndexFile(name, spool.read(), spool.size_bytes, spool.crc)
