"""A file told by another."""

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.patch import Copy, Patch

OFFSETS = st.integers(0, 2**32 - 1)
PIECES = st.one_of(st.binary(max_size=40), st.builds(Copy, OFFSETS, OFFSETS))
PATCHES = st.builds(Patch, st.integers(0, 2**32 - 1), st.lists(PIECES, max_size=8).map(tuple))


def test_a_patch_keeps_what_it_names_and_adds_the_rest() -> None:
    patch = Patch(crc32(b"012345"), (Copy(0, 2), b"new", Copy(1, 1), b"", Copy(4, 6)))

    assert patch.apply(b"012345") == b"01new45"


@pytest.mark.parametrize("other", [b"", b"01234", b"0123456", b"012346"])
def test_a_patch_for_another_file_is_refused(other: bytes) -> None:
    with pytest.raises(ValueError, match="another file"):
        Patch(crc32(b"012345"), (Copy(0, 2),)).apply(other)


@given(PATCHES)
def test_a_patch_is_read_as_it_was_written(patch: Patch) -> None:
    assert Patch.from_bytes(patch.to_bytes()) == patch


@given(PATCHES, st.data())
def test_a_patch_that_breaks_off_is_never_read_as_a_whole(patch: Patch, data: st.DataObject) -> None:
    written = patch.to_bytes()
    cut = written[: data.draw(st.integers(0, len(written)))]

    try:
        read = Patch.from_bytes(cut)
    except ValueError:
        return

    assert read.pieces == patch.pieces[: len(read.pieces)]
    assert (len(read.pieces) == len(patch.pieces)) == (cut == written)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(written: bytes) -> None:
    try:
        patch = Patch.from_bytes(written)
    except ValueError:
        return

    assert patch.to_bytes() == written
