"""The benchmark on real photographs: kinds, collection, results, report. No test here measures time."""

import subprocess
import sys
from pathlib import Path

import jpeglib  # type: ignore[import-untyped]  # ships no types
import pytest
from benchmarks.photos.__main__ import MARK
from benchmarks.photos.check import check_photos
from benchmarks.photos.coefficients import Comparison, compare_coefficients, turn_plane
from benchmarks.photos.collection import choose_photos, find_photos
from benchmarks.photos.kinds import Label, classify
from benchmarks.photos.measure import measure_in_fresh_processes
from benchmarks.photos.peer import caption_with_plain_pillow
from benchmarks.photos.report import report_lines
from benchmarks.photos.results import Outcome, Result, Times, append_result, read_results, write_results
from benchmarks.reporting import PERFORMANCE_PAGE
from PIL import Image
from tests.unit.imaging.coefficients import recode
from tests.unit.imaging.photos import decode, encode, insert_segment, largest_difference, picture

from captiond.imaging import Captioner, Style

SOF0, DHT = 0xC0, 0xC4
APP1 = 0xE1
ORIENTATION = 0x0112
EXIF_LONG_ORIENTATION_6 = bytes.fromhex("457869660000 49492a0008000000 0100 1201 0400 01000000 06000000 00000000")


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encode(picture(), exif=exif)


def without_segments(jpeg: bytes, marker: int) -> bytes:
    """The file without the segments of this marker before its scan."""
    kept, at = jpeg[:2], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        kept += b"" if jpeg[at + 1] == marker else jpeg[at:end]
        at = end
    return kept + jpeg[at:]


@pytest.mark.parametrize(
    ("jpeg", "label"),
    [
        (encode(picture()), Label.STANDARD_TABLES),
        (encode(picture(mode="L")), Label.STANDARD_TABLES),
        (encode(picture(), optimize=True), Label.OPTIMISED_TABLES),
        (recode(encode(picture())), Label.OWN_TABLES),
        (without_segments(encode(picture()), DHT), Label.NO_TABLES),
    ],
)
def test_huffman_tables_are_classified(jpeg: bytes, label: Label) -> None:
    kind = classify(jpeg)

    assert label in kind.labels
    assert sum("Huffman" in found for found in kind.labels) == 1
    assert kind.is_upright_baseline


@pytest.mark.parametrize(
    ("height", "subsampling", "label"),
    [(48, 2, Label.WHOLE_ROWS), (40, 2, Label.PARTIAL_ROW), (40, 1, Label.WHOLE_ROWS), (47, 0, Label.PARTIAL_ROW)],
)
def test_partial_last_row_depends_on_sampling(height: int, subsampling: int, label: Label) -> None:
    kind = classify(encode(picture(64, height), subsampling=subsampling))

    assert label in kind.labels
    assert kind.size_px == (64, height)


def test_grey_photo_has_mcus_of_one_block() -> None:
    jpeg = bytearray(encode(picture(64, 40, mode="L")))
    jpeg[jpeg.index(bytes([0xFF, SOF0])) + 11] = 0x22  # sampling factors have no meaning for one component

    assert {Label.GREY, Label.WHOLE_ROWS} <= {*classify(bytes(jpeg)).labels}


def test_restart_interval_is_classified() -> None:
    assert Label.RESTARTS in classify(encode(picture(), restart_marker_rows=1)).labels
    assert Label.RESTARTS not in classify(encode(picture())).labels


def test_more_mcus_than_a_restart_interval_counts_are_classified() -> None:
    jpeg = bytearray(encode(picture()))
    size_at = jpeg.index(bytes([0xFF, SOF0])) + 5
    jpeg[size_at : size_at + 4] = (8192).to_bytes(2, "big") * 2

    assert Label.MANY_MCUS in classify(bytes(jpeg)).labels


@pytest.mark.parametrize(
    ("jpeg", "labels"),
    [
        (encode(picture(), progressive=True), {Label.PROGRESSIVE}),
        (encode(picture(mode="CMYK"), progressive=True), {Label.PROGRESSIVE, Label.CMYK}),
        (encode(picture(mode="CMYK")), {Label.STANDARD_TABLES, Label.WHOLE_ROWS, Label.CMYK}),
        (turned(6), {Label.STANDARD_TABLES, Label.WHOLE_ROWS, Label.TURNED}),
        (
            insert_segment(encode(picture()), APP1, EXIF_LONG_ORIENTATION_6),
            {Label.STANDARD_TABLES, Label.WHOLE_ROWS, Label.TURNED},
        ),
        (encode(picture()).replace(bytes([0xFF, SOF0]), b"\xff\xc3"), {Label.OTHER_PROCESS}),
        (encode(picture()).replace(bytes([0xFF, SOF0, 0, 17, 8]), b"\xff\xc1\0\x11\x0c"), {Label.OTHER_PROCESS}),
        (b"\xff\xd8\xff", {Label.OTHER_PROCESS}),
        (b"\xff\xd8", {Label.OTHER_PROCESS}),
    ],
)
def test_other_kinds_are_not_upright_baseline(jpeg: bytes, labels: set[Label]) -> None:
    kind = classify(jpeg)

    assert {*kind.labels} == labels
    assert not kind.is_upright_baseline


def test_upright_orientation_and_damaged_exif_count_as_upright() -> None:
    damaged = insert_segment(encode(picture()), APP1, b"Exif\0\0II*\0\xff\xff\xff\xff")

    assert classify(turned(1)).is_upright_baseline
    assert classify(damaged).is_upright_baseline


@pytest.mark.parametrize("length", range(2, 700, 7))
def test_truncated_header_is_classified_without_an_error(length: int) -> None:
    assert classify(encode(picture())[:length]).labels


def test_photos_are_found_by_content_and_joined_with_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.jpg").write_bytes(encode(picture()))
    (tmp_path / "sub" / "a.bin").write_bytes(encode(picture()))
    (tmp_path / "text.jpg").write_text("no JPEG")
    (tmp_path / "MANIFEST.tsv").write_text("file\tkind\tsource repository\nb.jpg\tCMYK\towner/name\n")

    photos = find_photos(tmp_path)

    assert [(photo.name, photo.source) for photo in photos] == [("b.jpg", "owner/name"), ("sub/a.bin", "")]
    assert choose_photos(photos, ["sub/a.bin"]) == photos[1:]
    with pytest.raises(ValueError, match=r"no such photo: c\.jpg"):
        choose_photos(photos, ["c.jpg"])


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_plain_pillow_captions_every_mode(mode: str) -> None:
    captioned = decode(caption_with_plain_pillow()(encode(picture(96, 80, mode)), "gate 4"))

    assert captioned.mode == mode
    assert captioned.width == 96
    assert captioned.convert("L").getpixel((90, captioned.height - 2)) in range(20)


def test_plain_pillow_turns_the_photo_upright() -> None:
    captioned = decode(caption_with_plain_pillow()(turned(6), "gate 4"))

    assert captioned.width == picture().height


def test_spliced_photo_has_equal_coefficients() -> None:
    for height in (48, 41):
        upload = encode(picture(64, height))
        captioned = Captioner(Style()).add_caption(upload, "gate 4")

        assert captioned.reencode_reason is None
        assert compare_coefficients(upload, captioned.jpeg) is Comparison.EQUAL


def test_other_photo_has_different_coefficients() -> None:
    upload = encode(picture())
    other = encode(picture().point(lambda level: 255 - level))

    captioned = Captioner(Style()).add_caption(other, "gate 4").jpeg

    assert compare_coefficients(upload, captioned) is Comparison.DIFFERENT


def test_check_passes_and_writes_a_contact_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lossless.jpg").write_bytes(encode(picture(64, 41)))
    (tmp_path / "rgb.jpg").write_bytes(encode(picture(), keep_rgb=True))
    (tmp_path / "truncated.jpg").write_bytes(encode(picture())[:300])

    passed = check_photos(find_photos(tmp_path), tmp_path)

    printed = capsys.readouterr().out
    assert passed
    assert "3 photos, 1 spliced: 1 restored byte for byte." in printed
    assert "Coefficients of the photo: 1 equal." in printed
    assert "truncated.jpg: not captioned" in printed
    with Image.open(tmp_path / "strips-1.png") as page:
        assert page.height < 100


def test_file_that_jpeglib_does_not_read_is_not_compared() -> None:
    assert compare_coefficients(encode(picture()), b"\xff\xd8") is Comparison.UNREADABLE


@pytest.mark.parametrize(
    ("turn", "method"),
    [
        (1, Image.Transpose.FLIP_LEFT_RIGHT),
        (2, Image.Transpose.FLIP_TOP_BOTTOM),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_270),
    ],
)
def test_turned_photo_has_equal_coefficients(turn: int, method: Image.Transpose, tmp_path: Path) -> None:
    upload = encode(picture(48, 48), subsampling=0, quality=95)
    (tmp_path / "upload.jpg").write_bytes(upload)
    dct = jpeglib.read_dct(str(tmp_path / "upload.jpg"))
    dct.Y, dct.Cb, dct.Cr = (turn_plane(plane, turn) for plane in (dct.Y, dct.Cb, dct.Cr))
    dct.qt = dct.qt.transpose(0, 2, 1) if turn & 4 else dct.qt
    dct.write_dct(str(tmp_path / "turned.jpg"))

    stored = (tmp_path / "turned.jpg").read_bytes()

    assert largest_difference(decode(stored), decode(upload).transpose(method)) <= 4
    assert compare_coefficients(upload, stored) is Comparison.EQUAL


def result(name: str, *, cold_ms: int, pillow_ms: int, reason: str = "", pillow_error: str = "") -> Result:
    outcome = Outcome("re-encoded", reason) if reason else Outcome("lossless")
    times = Times((cold_ms * 10**6,), (10**6,), () if pillow_error else (pillow_ms * 10**6,))
    return Result(name, "", (Label.STANDARD_TABLES,), True, outcome, pillow_error, times)  # noqa: FBT003 - upright


def test_results_survive_an_interrupted_write(tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.jsonl"
    first, second = result("a.jpg", cold_ms=1, pillow_ms=2), result("b.jpg", cold_ms=1, pillow_ms=2, reason="turned")
    write_results(file, [first])
    append_result(file, second)
    with file.open("ab") as lines:
        lines.write(b'{"name":"c.j')

    assert read_results(file) == [first, second]
    assert read_results(tmp_path / "none.jsonl") == []


def test_report_sums_valid_photos_and_names_the_slowest() -> None:
    results = [
        result("a.jpg", cold_ms=1, pillow_ms=4),
        result("b.jpg", cold_ms=9, pillow_ms=4, reason="tables lack AC symbol f0"),
        result("c.jpg", cold_ms=2, pillow_ms=2, reason="tables lack AC symbol 1a"),
        result("d.jpg", cold_ms=5, pillow_ms=0, pillow_error="OSError: truncated"),
    ]

    lines = list(report_lines(results, "A run."))

    assert "| all valid | 3 | 1 (33 %) | 12 | 3 | 10 | 1.20 | 0.30 | 1.00 |" in lines
    assert "| re-encoded: tables lack AC symbol … | 2 | b.jpg, c.jpg |" in lines
    assert "Photos that cost more than 1.5 times plain Pillow, cold: 1. The worst 10:" in lines
    assert "| d.jpg | OSError: truncated | lossless | 5.0 |" in lines


def test_page_has_one_place_for_the_tables() -> None:
    page = (Path(__file__).parents[2] / PERFORMANCE_PAGE).read_text("utf-8")

    assert page.count(f"<!-- {MARK}: begin -->") == page.count(f"<!-- {MARK}: end -->") == 1


def test_report_of_no_photo_is_empty_tables() -> None:
    assert "| all valid | 0 | 0 (0 %) |" in list(report_lines([], "A run."))


def test_photo_is_captioned_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(picture()))

    [nanoseconds] = measure_in_fresh_processes([tmp_path / "a.jpg"])

    assert nanoseconds > 0


@pytest.mark.parametrize("folder", ["missing", "."])
def test_folder_without_photos_is_a_usage_error(folder: str, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "benchmarks.photos", str(tmp_path / folder))

    ran = subprocess.run(command, capture_output=True, check=False, text=True)

    assert ran.returncode == 2
    assert str(tmp_path / folder) in ran.stderr
