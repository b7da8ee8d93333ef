"""The files of an export, without archive and server."""

import csv
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from uuid import UUID
from zlib import crc32

import pytest

from captiond.evidence import hash_leaf
from captiond.operations.export import ExportImage, FileUnavailable, Folder, ImageDeleted, ZipExport, write_directory
from captiond.operations.export.csv_table import encode_row
from captiond.operations.export.index import COLUMNS, PAGE_ROWS, ExportIndex
from captiond.operations.export.prefetching import Prefetching
from captiond.operations.export.proofs import InvalidProof, read_proof
from captiond.operations.export.zip_stream import ZipStream
from captiond.services.api.bodies.images import ListedImage

RECEIVED = "2026-11-23T22:31:00.123456Z"
CONTENT = b"content"
SEALS = 5
ALL = (Folder.IMAGES, Folder.ORIGINALS)


class MadeImages:
    """Images with the same content, in pages."""

    def __init__(self, count: int, failures: Mapping[int, Exception] | None = None, **fields: object) -> None:
        self._images = (make_image(number, **fields) for number in range(count))
        self.failures = dict(failures or {})
        self.loads = 0

    def next_page(self) -> list[ExportImage]:
        return list(islice(self._images, 300))

    def seals_after(self, number: int) -> list[Mapping[str, object]]:
        return [{"number": each} for each in range(number + 1, min(number + 2, SEALS) + 1)]

    def public_keys(self) -> Mapping[str, object]:
        return {"keys": []}

    def load(self, image: ExportImage, folder: Folder) -> bytes:
        self.loads += 1
        if failure := self.failures.get(image.id.int):
            raise failure
        return CONTENT if folder in ALL else make_proof(image, image.id.int % SEALS + 1)


def make_image(number: int, **fields: object) -> ExportImage:
    digest = sha256(CONTENT).hexdigest()
    values = {"id": str(UUID(int=number)), "received_at": RECEIVED, "sha256": digest, "upload_sha256": digest}
    defaults = {"description": "Photo", "width": 16, "height": 16, "labels": {}, "camera": None, "captured_at": None}
    return ExportImage.from_fields({**defaults, "damage": None, **values, **fields})


def make_proof(image: ExportImage, seal_number: int) -> bytes:
    """The proof of a seal that contains this image only."""
    checksums = {"sha256": image.checksums[Folder.IMAGES], "upload_sha256": image.checksums[Folder.ORIGINALS]}
    record = json.dumps({"id": str(image.id), **{name: digest.hex() for name, digest in checksums.items()}})
    statement = {"number": seal_number, "root": hash_leaf(record.encode()).hex(), "size": 1}
    proof = {"record": record, "leaf_index": 0, "audit_path": [], "seal": {"statement": json.dumps(statement)}}
    return json.dumps(proof).encode()


def read(export: ZipExport) -> Iterator[bytes]:
    while (pieces := export.read()) is not None:
        yield from pieces
    export.close()


def zipped(source: MadeImages, folders: tuple[Folder, ...] = (Folder.IMAGES,)) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(read(ZipExport(source, folders)))))


class Links(HTMLParser):
    """The elements of a page and the targets of its links."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.targets: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.targets += [value for name, value in attrs if name in {"href", "src"} and value]


##### Pages


def test_links_of_a_single_page_are_relative_files_of_the_export() -> None:
    with zipped(MadeImages(3), ALL) as export:
        targets = Links(export.read("index.html")).targets

        assert set(targets) == set(export.namelist()) - {"index.html"}
        assert len(set(targets)) == 3 * 2 + len(["index.csv", "SHA256SUMS"])


def test_large_export_has_pages_of_1000_images() -> None:
    with zipped(MadeImages(2 * PAGE_ROWS + 1)) as export:
        pages = [name for name in export.namelist() if name.startswith("index-")]

        assert pages == ["index-0001.html", "index-0002.html", "index-0003.html"]
        assert Links(export.read("index.html")).targets == ["index.csv", "SHA256SUMS", *pages]
        assert [Links(export.read(page)).elements.count("img") for page in pages] == [PAGE_ROWS, PAGE_ROWS, 1]


def test_texts_are_escaped() -> None:
    attack = "<script>alert(1)</script>"
    source = MadeImages(1, description=attack, camera=attack, labels={"plate": attack}, damage=attack)

    with zipped(source) as export:
        page = export.read("index.html")

    assert "script" not in Links(page).elements
    assert page.decode().count("&lt;script&gt;alert(1)&lt;/script&gt;") == 4


def test_failures_are_shown_and_escaped() -> None:
    source = MadeImages(1, {0: FileUnavailable("<b>gone\nnow")})

    with zipped(source, ALL) as export:
        page = export.read("index.html")
        missing = export.read("MISSING.txt").decode()

    assert "&lt;b&gt;gone" in page.decode()
    assert "img" not in Links(page).elements
    assert [line.partition(": ")[2] for line in missing.splitlines()] == ["<b>gone now"] * 2


##### Table


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_formulas_are_neutralised(cell: str) -> None:
    [row] = csv.reader(io.StringIO(encode_row([cell, f"x{cell}"]).decode(), newline=""))

    assert row == [f"'{cell}", f"x{cell}"]


def test_table_has_a_row_per_image() -> None:
    source = MadeImages(2, description='a "quoted", long\ntext', camera="=cmd", labels={"номер": "А001"})

    with zipped(source) as export:
        content = export.read("index.csv")

    assert content.startswith(b"\xef\xbb\xbfid,received_at,")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [row["id"] for row in rows] == [str(UUID(int=number)) for number in range(2)]
    assert rows[0]["images"] == f"images/2026-11-23/22/{UUID(int=0)}.jpg"
    assert (rows[0]["description"], rows[0]["camera"]) == ('a "quoted", long\ntext', "'=cmd")
    assert (rows[0]["labels"], rows[0]["captured_at"]) == ('{"номер": "А001"}', "")


def test_table_has_every_field_of_the_list() -> None:
    assert set(COLUMNS) == set(ListedImage.model_fields) - {"redraw_reason"}


##### Images


def test_deleted_image_is_left_out() -> None:
    with zipped(MadeImages(3, {1: ImageDeleted()})) as export:
        names = [name for name in export.namelist() if name.startswith("images/")]

        assert [Path(name).stem for name in names] == [str(UUID(int=0)), str(UUID(int=2))]
        assert str(UUID(int=1)) not in export.read("index.csv").decode()
        assert "MISSING.txt" not in export.namelist()


def test_read_can_be_repeated_after_an_error() -> None:
    source = MadeImages(3, {1: ConnectionError("outage")})
    export = ZipExport(source, ALL)
    content = b"".join(export.read() or ())

    with pytest.raises(ConnectionError):
        export.read()
    source.failures.clear()
    content += b"".join(read(export))

    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None
        assert len([name for name in opened.namelist() if name.startswith("images/")]) == 3


@pytest.mark.parametrize("field", ["id", "received_at", "sha256"])
def test_invalid_fields_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match=r"badly|Invalid|hexadecimal"):
        make_image(0, **{field: "../../etc/passwd"})


def peak_memory(images: int) -> int:
    """The most memory in bytes that an export takes while it is read."""
    export = ZipExport(MadeImages(images, description="x" * 200), (*ALL, Folder.PROOFS))
    tracemalloc.start()
    try:
        for _ in read(export):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    peak_memory(1)  # loads the template

    few, many = peak_memory(2 * PAGE_ROWS), peak_memory(6 * PAGE_ROWS)

    # In memory, table, checksums and the directory of the archive would take 1 KB per image.
    assert many - few < 1000 * PAGE_ROWS


##### Directory


def export_directory(root: Path, source: MadeImages, folders: tuple[Folder, ...] = ALL) -> list[ExportImage]:
    index = ExportIndex(folders, source)
    try:
        return list(write_directory(root, source, folders, index))
    finally:
        index.close()


def test_directory_is_completed_by_a_repeated_export(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        export_directory(tmp_path, MadeImages(3, {2: ConnectionError("outage")}))
    (tmp_path / make_image(0).file_name(Folder.IMAGES)).write_bytes(b"altered")
    (tmp_path / make_image(2).file_name(Folder.ORIGINALS)).unlink(missing_ok=True)
    repeated = MadeImages(3)

    images = export_directory(tmp_path, repeated)

    assert len(images) == 3
    assert repeated.loads == len(["altered", "image of the last", "original of the last"])
    sums = {line[66:]: line[:64] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()}
    files = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path.is_file()}
    assert sums.keys() == files.keys() - {"SHA256SUMS"}
    assert all(sha256(files[name].read_bytes()).hexdigest() == digest for name, digest in sums.items())


def test_index_of_an_earlier_export_is_replaced(tmp_path: Path) -> None:
    export_directory(tmp_path, MadeImages(PAGE_ROWS + 1, {0: FileUnavailable("gone")}))
    (tmp_path / "notes.txt").write_text("mine")

    export_directory(tmp_path, MadeImages(1))

    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        *("index.html", "index.csv", "SHA256SUMS", "notes.txt")
    }


def test_deleted_image_is_not_in_the_index_of_a_directory(tmp_path: Path) -> None:
    images = export_directory(tmp_path, MadeImages(3, {1: ImageDeleted()}))

    assert [image.id.int for image in images] == [0, 2]


##### Proofs


def test_seals_from_the_oldest_one_of_the_images_are_exported() -> None:
    source = MadeImages(2, {1: FileUnavailable("no seal contains the image yet")})
    later = MadeImages(0)

    with Prefetching(source, (*ALL, Folder.PROOFS)) as prefetching:
        content = b"".join(read(ZipExport(prefetching, (*ALL, Folder.PROOFS))))

    with zipfile.ZipFile(io.BytesIO(content)) as export:
        assert [seal["number"] for seal in json.loads(export.read("seals.json"))] == [1, 2, 3, 4, 5]
        assert json.loads(export.read("jwks.json")) == {"keys": []}
        sums = {line[66:]: line[:64] for line in export.read("SHA256SUMS").decode().splitlines()}
        proof = make_image(0).file_name(Folder.PROOFS)
        assert sums[proof] == sha256(export.read(proof)).hexdigest()
        assert {"seals.json", "jwks.json"} < sums.keys()
        assert {proof, "seals.json", "jwks.json"} < set(Links(export.read("index.html")).targets)
    with zipped(later, (Folder.PROOFS,)) as export:
        assert json.loads(export.read("seals.json")) == []


def test_directory_loads_invalid_proofs_again(tmp_path: Path) -> None:
    folders = (Folder.IMAGES, Folder.PROOFS)
    export_directory(tmp_path, MadeImages(3), folders)
    paths = [tmp_path / make_image(number).file_name(Folder.PROOFS) for number in range(3)]
    expected = [path.read_bytes() for path in paths]
    paths[0].write_bytes(expected[1])
    paths[1].write_bytes(b"[]")
    repeated = MadeImages(3)

    export_directory(tmp_path, repeated, folders)

    assert repeated.loads == 2
    assert [path.read_bytes() for path in paths] == expected
    export_directory(tmp_path, MadeImages(1), (Folder.IMAGES,))
    assert not (tmp_path / "seals.json").exists()


@pytest.mark.parametrize(
    "damaged",
    [
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"record":"{}","leaf_index":0,"audit_path":[],"seal":{"statement":"{}"}}',
    ],
)
def test_damaged_proof_is_invalid(damaged: bytes) -> None:
    with pytest.raises(InvalidProof):
        read_proof(damaged)


def test_proof_of_another_record_is_invalid() -> None:
    proof = make_proof(make_image(1), 1).replace(b"00000001", b"00000002")

    with pytest.raises(InvalidProof, match="do not lead to the root"):
        read_proof(proof)


##### Prefetching


def test_files_are_loaded_ahead_in_order() -> None:
    source = MadeImages(700, {0: ImageDeleted(), 5: FileUnavailable("gone"), 699: ImageDeleted()})

    with Prefetching(source, ALL) as prefetching:
        content = b"".join(read(ZipExport(prefetching, ALL)))

    with zipfile.ZipFile(io.BytesIO(content)) as export:
        assert export.testzip() is None
        assert len([name for name in export.namelist() if name.startswith("originals/")]) == 697
        assert len(export.read("MISSING.txt").decode().splitlines()) == 2


##### ZIP


def test_archive_of_more_than_65535_files_is_zip64() -> None:
    made = ZipStream()
    moment = datetime(2026, 11, 23, 22, 31, tzinfo=UTC)
    content = b"".join(made.add(f"{number}.jpg", 1, crc32(b"x"), moment) + b"x" for number in range(66_000))

    content += b"".join(made.finish())
    made.close()

    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert len(opened.namelist()) == 66_000
        assert opened.read("65999.jpg") == b"x"


def test_files_beyond_4_gib_have_offsets_of_zip64() -> None:
    made = ZipStream()
    moment = datetime(2026, 11, 23, 22, 31, tzinfo=UTC)
    sizes = [3 << 30, 3 << 30, 1]
    starts, offset = [], 0
    for number, size in enumerate(sizes):
        starts.append(offset)
        offset += len(made.add(f"{number}.jpg", size, 0, moment)) + size

    with zipfile.ZipFile(Sparse(offset, b"".join(made.finish()))) as opened:
        assert [entry.header_offset for entry in opened.infolist()] == starts
    made.close()


class Sparse(io.RawIOBase):
    """A file of zeros with the given end."""

    def __init__(self, zeros: int, end: bytes) -> None:
        super().__init__()
        self._zeros, self._end, self._position = zeros, end, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self._zeros + len(self._end))[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        assert self._position >= self._zeros
        start = self._position - self._zeros
        found = self._end[start : None if size < 0 else start + size]
        self._position += len(found)
        return found


@pytest.mark.parametrize(("year", "expected"), [(1970, 1980), (2026, 2026), (2200, 2107)])
def test_years_outside_of_the_format_are_limited(year: int, expected: int) -> None:
    made = ZipStream()
    header = made.add("x", 0, 0, datetime(year, 2, 3, tzinfo=UTC))
    made.close()

    [date] = struct.unpack_from("<H", header, 12)
    assert date >> 9 == expected - 1980
