"""Copying, inserting and removing of MCUs, with both builds of the entropy coding."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.unit.imaging.photos import encode, picture

from captiond.imaging.errors import MalformedJpeg
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.native import default_build
from captiond.imaging.jpeg.scan_reader import Block, read_blocks
from captiond.imaging.splice.scan_editor import Interleaving, McuReader, McuWriter, insert_strip, remove_strip

INTERVALS = (0, 1, 3, 4, 8, 1000)
MCUS = 8  # two rows
EOI = b"\xff\xd9"


@pytest.fixture(params=["interpreted", "default"], autouse=True)
def _build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param == "interpreted":
        monkeypatch.setenv("CAPTIOND_NATIVE", "0")
    default_build.cache_clear()
    yield
    default_build.cache_clear()


def photo(interval: int) -> bytes:
    return encode(picture(64, 32), restart_marker_blocks=interval)


def scan_of(jpeg: bytes) -> bytes:
    return jpeg[read_header(jpeg).scan_start : -len(EOI)]


def reader(jpeg: bytes, interval: int) -> McuReader:
    return McuReader(jpeg, read_header(jpeg), interval)


def writer(jpeg: bytes, interval: int) -> McuWriter:
    return McuWriter(read_header(jpeg).components, interval)


@pytest.mark.parametrize("before", INTERVALS)
@pytest.mark.parametrize("after", INTERVALS)
def test_copy_with_another_restart_interval_is_that_of_the_encoder(before: int, after: int) -> None:
    jpeg = photo(before)
    edited = writer(jpeg, after)

    edited.copy(reader(jpeg, after).read(MCUS))

    assert edited.finish() == scan_of(photo(after))


@pytest.mark.parametrize("interval", INTERVALS)
def test_inserted_mcus_are_removed_again(interval: int) -> None:
    jpeg = photo(interval)
    header = read_header(photo(0))
    blocks: list[Block] = read_blocks(scan_of(photo(0)), header.components, MCUS)
    order = Interleaving(2, MCUS // 2, MCUS, strip_is_first=True)
    reading = reader(jpeg, interval)
    runs = [reading.read(MCUS // 2) for _ in range(2)]

    joined = insert_strip(writer(jpeg, 0), order, runs, [blocks, blocks], [])
    same = insert_strip(writer(jpeg, interval), order, runs, [[], []], [])

    larger = replace(header, height_px=3 * header.height_px, scan_start=0)
    removing = McuReader(joined + EOI, larger, interval)
    assert remove_strip(removing, writer(jpeg, interval), order, []) == scan_of(jpeg)
    assert same == scan_of(jpeg)
    assert read_blocks(joined, header.components, 3 * MCUS)[: len(blocks)] == blocks


def test_end_is_that_of_the_scan() -> None:
    jpeg = photo(3)
    reading = reader(jpeg, 0)

    reading.read(MCUS)

    assert reading.end == len(jpeg) - len(EOI)


def test_truncated_scan_is_rejected() -> None:
    jpeg = photo(0)
    reading = reader(jpeg[:-40], 0)

    with pytest.raises(MalformedJpeg, match="the scan ends early"):
        reading.read(MCUS)
