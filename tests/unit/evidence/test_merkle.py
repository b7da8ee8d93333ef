"""The Merkle tree against the definitions of RFC 9162, written here as they stand there: recursively, from the root."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.evidence import MerkleTree, hash_leaf, merkle_root, root_of_path

# The test vectors of Certificate Transparency: leaves, and roots of the first 1, 2, … 8 of them.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def split(size: int) -> int:
    """The largest power of two below the size."""
    return 1 << (size - 1).bit_length() - 1


def mth(entries: list[bytes]) -> bytes:
    """MTH of section 2.1.1."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.3.1."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def climb(m: int, size: int, leaf: bytes, hashes: list[bytes]) -> bytes:
    """The root that a path leads to, from its last hash down."""
    if size == 1:
        assert not hashes
        return leaf
    k, (*below, sibling) = split(size), hashes
    if m < k:
        return sha256(b"\x01" + climb(m, k, leaf, below) + sibling).digest()
    return sha256(b"\x01" + sibling + climb(m - k, size - k, leaf, below)).digest()


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_roots_are_those_of_certificate_transparency(size: int, root: str) -> None:
    assert merkle_root([hash_leaf(leaf) for leaf in LEAVES[:size]]).hex() == root


def test_root_of_an_empty_tree_is_the_hash_of_nothing() -> None:
    assert merkle_root([]) == mth([])


@given(st.integers(1, 200), st.data())
def test_root_and_path_are_those_of_the_rfc(size: int, data: st.DataObject) -> None:
    entries = [f"record {number}".encode() for number in range(size)]
    leaves = [hash_leaf(entry) for entry in entries]
    index = data.draw(st.integers(0, size - 1))

    found = MerkleTree(leaves).audit_path(index)

    assert merkle_root(leaves) == mth(entries)
    assert found == path(index, entries)
    assert root_of_path(leaves[index], index, size, found) == mth(entries) == climb(index, size, leaves[index], found)


@given(st.integers(2, 200), st.data())
def test_path_of_another_place_or_record_leads_to_another_root(size: int, data: st.DataObject) -> None:
    leaves = [hash_leaf(b"%d" % number) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    found, root = MerkleTree(leaves).audit_path(index), merkle_root(leaves)

    assert root_of_path(leaves[other], index, size, found) != root
    assert root_of_path(leaves[index], other, size, found) != root
    assert root_of_path(leaves[index], index, size, found[1:]) != root
    assert root_of_path(leaves[index], index, size, [*found, root]) is None
    assert root_of_path(leaves[index], size, size, found) is None
