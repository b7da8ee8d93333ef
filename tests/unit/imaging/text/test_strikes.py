import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.imaging.bitmap_fonts import cbdt_tables, collection, sbix_tables, sfnt

from captiond.imaging.text.fonts import bundled_font
from captiond.imaging.text.strikes import read_strikes

Tables = dict[bytes, bytes]
both_kinds = pytest.mark.parametrize("tables", [cbdt_tables, sbix_tables])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "font.ttf"


@both_kinds
def test_strikes_are_sorted(file: Path, tables: Callable[..., Tables]) -> None:
    file.write_bytes(sfnt(tables(40, 20, 109)))

    assert read_strikes(file) == (20, 40, 109)


@both_kinds
def test_faces_of_a_collection_have_their_own_strikes(file: Path, tables: Callable[..., Tables]) -> None:
    file.write_bytes(collection(tables(20), tables(40)))

    assert [read_strikes(file, index) for index in range(3)] == [(20,), (40,), ()]


def test_outline_fonts_and_other_files_have_no_strikes(file: Path) -> None:
    assert read_strikes(bundled_font()) == ()
    assert read_strikes(file) == ()
    file.write_bytes(b"not a font")
    assert read_strikes(file) == ()


def test_single_font_has_no_second_face(file: Path) -> None:
    file.write_bytes(sfnt(cbdt_tables(20)))

    assert read_strikes(file, 1) == ()


@both_kinds
def test_truncated_file_has_no_other_strikes(file: Path, tables: Callable[..., Tables]) -> None:
    whole = sfnt(tables(20, 40))
    for length in range(len(whole)):
        file.write_bytes(whole[:length])

        assert set(read_strikes(file)) <= {20, 40}


@pytest.mark.parametrize(
    "tables",
    [
        {b"CBLC": struct.pack(">LL", 0x30000, 0xFFFFFFFF)},
        {b"CBLC": struct.pack(">LL44xBB2x", 0x30000, 1, 20, 40)},  # not square
        {b"CBLC": struct.pack(">LL44xBB2x", 0x30000, 1, 0, 0)},
        {b"CBLC": b""},
        {b"sbix": struct.pack(">HHLL", 1, 1, 1, 0xFFFFFFFF)},
        {b"sbix": struct.pack(">HHLL", 1, 1, 1, 11)},  # half of it within the table
        {b"sbix": struct.pack(">HHLLHH", 1, 1, 1, 12, 0xFFFF, 72)},  # a glyph of gigabytes
    ],
)
def test_invalid_strike_is_ignored(file: Path, tables: Tables) -> None:
    file.write_bytes(sfnt(tables) + b"\0\x14" * 100)

    assert read_strikes(file) == ()


@settings(deadline=None)
@given(at=st.integers(0, 400), value=st.integers(0, 255))
def test_damaged_file_has_valid_strikes_only(tmp_path_factory: pytest.TempPathFactory, at: int, value: int) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.ttf"
    damaged = bytearray(sfnt(cbdt_tables(20, 40)))
    damaged[at] = value
    file.write_bytes(damaged)

    assert all(0 < strike <= 1024 for strike in read_strikes(file))
