"""A file told by another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.patch import Kept, Patch

OFFSETS = st.integers(0, 2**32 - 1)
PIECES = st.one_of(st.binary(max_size=40), st.builds(Kept, OFFSETS, OFFSETS))
PATCHES = st.builds(Patch, st.lists(PIECES, max_size=8).map(tuple))


def test_a_patch_keeps_what_it_names_and_adds_the_rest() -> None:
    patch = Patch((Kept(0, 2), b"new", Kept(1, 1), b"", Kept(4, 6)))

    assert patch.apply(b"012345") == b"01new45"


@pytest.mark.parametrize("kept", [Kept(0, 7), Kept(6, 7), Kept(2**32 - 1, 2**32 - 1)])
def test_a_patch_for_a_longer_file_is_refused(kept: Kept) -> None:
    with pytest.raises(ValueError, match="a longer file than one of 6 bytes"):
        Patch((b"new", kept)).apply(b"012345")


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
