"""Merkle trees with SHA-256 (RFC 9162, section 2.1). Hashes have 32 bytes."""

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = sha256().digest_size
EMPTY_ROOT = sha256().digest()


def hash_leaf(record: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + record).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree with these hashes of leaves."""
    level = list(leaves)
    while len(level) > 1:
        level = _next_level(level)
    return level[0] if level else EMPTY_ROOT


class MerkleTree:
    """All hashes of a tree, for many audit paths: 64 bytes per leaf."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        level = list(leaves)
        self._levels = [b"".join(level)]
        while len(level) > 1:
            level = _next_level(level)
            self._levels.append(b"".join(level))

    def leaf(self, index: int) -> bytes:
        """Return the hash of a leaf; nothing beyond the last one."""
        return _hash_at(self._levels[0], index)

    def audit_path(self, index: int) -> list[bytes]:
        """Return the hashes that lead from the leaf with this index to the root (RFC 9162, section 2.1.3.1)."""
        siblings = (_hash_at(level, (index >> height) ^ 1) for height, level in enumerate(self._levels[:-1]))
        return [sibling for sibling in siblings if sibling]


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root to which an audit path leads in a tree of `size` leaves (RFC 9162, section 2.1.3.2).

    None if the path does not fit the index and the size.
    """
    if not 0 <= index < size:
        return None
    last, root = size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            root = _hash_node(sibling, root)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            root = _hash_node(root, sibling)
        index, last = index // 2, last // 2
    return root if last == 0 else None


def _hash_at(level: bytes, index: int) -> bytes:
    return level[index * HASH_BYTES : (index + 1) * HASH_BYTES]


def _next_level(level: Sequence[bytes]) -> list[bytes]:
    """Hash pairs. A node without a sibling moves up unchanged, as the RFC's split at a power of two implies."""
    pairs = [_hash_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return pairs if len(level) % 2 == 0 else [*pairs, level[-1]]


def _hash_node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
