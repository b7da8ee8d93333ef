"""How malloc returns the memory of uploads."""

import ctypes
import logging

# Parameters of mallopt in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# Larger blocks are mapped one by one, so that freeing them returns their memory. By default glibc raises this threshold
# to the size of each freed block, up to 32 MiB; the heap then keeps large blocks between small ones.
MMAPPED_BYTES = 4 << 20
# Free memory at the end of the heap is returned above this size.
TRIMMED_BYTES = 16 << 20

logger = logging.getLogger(__name__)

_LIBRARY = ctypes.CDLL(None)
_IS_GLIBC = hasattr(_LIBRARY, "gnu_get_libc_version")


def return_freed_memory() -> None:
    """Make malloc return the memory of uploads when it is freed. No effect on other C libraries than glibc."""
    if not _IS_GLIBC:
        return
    for parameter, value in ((M_MMAP_THRESHOLD, MMAPPED_BYTES), (M_TRIM_THRESHOLD, TRIMMED_BYTES)):
        if not _LIBRARY.mallopt(parameter, value):
            logger.warning("mallopt(%d, %d) failed; freed memory may not be returned", parameter, value)


def trim_heap() -> None:
    """Return free pages between small blocks, such as pieces of received uploads, to the system. Takes milliseconds."""
    if _IS_GLIBC:
        _LIBRARY.malloc_trim(0)
