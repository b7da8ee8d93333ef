"""Has the C library keep the memory that a batch has used for the next one, instead of giving it back each time."""

import ctypes

# malloc.h of glibc. What is larger than the first is mapped for itself and given back at once; of the rest, so much
# may lie idle.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAPPED_FROM_BYTES = 16 << 20
IDLE_BYTES = 64 << 20


def keep_freed_memory() -> None:
    """Set the limits; a C library that knows none of this is left alone."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
    mallopt(M_TRIM_THRESHOLD, IDLE_BYTES)
