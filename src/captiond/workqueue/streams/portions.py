"""How much goes into one call of a script: the server serves nobody else meanwhile, and holds the arguments thrice."""

from collections.abc import Iterable

MAX_MESSAGES = 32
MAX_BYTES = 8 << 20


def portion(sizes_bytes: Iterable[int]) -> int:
    """Count the first messages that go into one call together: one at least, however large."""
    count = total = 0
    for size_bytes in sizes_bytes:
        total += size_bytes
        if count == MAX_MESSAGES or (count and total > MAX_BYTES):
            break
        count += 1
    return count
