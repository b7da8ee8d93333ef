"""Binary patches: copy and insert operations."""

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.patch import Copy, Patch

OFFSETS = st.integers(0, 2**32 - 1)
OPERATIONS = st.one_of(st.binary(max_size=40), st.builds(Copy, OFFSETS, OFFSETS))
PATCHES = st.builds(Patch, st.integers(0, 2**32 - 1), st.lists(OPERATIONS, max_size=8).map(tuple))


def test_patch_copies_and_inserts() -> None:
    patch = Patch(crc32(b"012345"), (Copy(0, 2), b"new", Copy(1, 1), b"", Copy(4, 6)))

    assert patch.apply(b"012345") == b"01new45"


@pytest.mark.parametrize("source", [b"", b"01234", b"0123456", b"012346"])
def test_patch_for_another_file_raises(source: bytes) -> None:
    with pytest.raises(ValueError, match="another file"):
        Patch(crc32(b"012345"), (Copy(0, 2),)).apply(source)


@given(PATCHES)
def test_patch_is_decoded_as_it_was_encoded(patch: Patch) -> None:
    assert Patch.from_bytes(patch.to_bytes()) == patch


@given(PATCHES, st.data())
def test_truncated_patch_never_decodes_to_the_whole(patch: Patch, data: st.DataObject) -> None:
    encoded = patch.to_bytes()
    truncated = encoded[: data.draw(st.integers(0, len(encoded)))]

    try:
        decoded = Patch.from_bytes(truncated)
    except ValueError:
        return

    assert decoded.operations == patch.operations[: len(decoded.operations)]
    assert (len(decoded.operations) == len(patch.operations)) == (truncated == encoded)


@given(st.binary(max_size=60))
def test_any_bytes_decode_exactly_or_raise(encoded: bytes) -> None:
    try:
        patch = Patch.from_bytes(encoded)
    except ValueError:
        return

    assert patch.to_bytes() == encoded
