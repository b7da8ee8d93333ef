"""Spares services the work that memory makes: for the C library and for the garbage collector."""

import ctypes
import gc

# malloc.h of glibc. What is larger than the first is mapped for itself and given back at once; of the rest, so much
# may lie idle.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAPPED_FROM_BYTES = 16 << 20
IDLE_BYTES = 64 << 20
# An upload leaves hardly any cycles behind, so looking for them after every 700 objects finds nothing.
COLLECT_AFTER = (20_000, 50, 100)


def tune_runtime() -> None:
    """Call when all is loaded: what is there now is never looked through again, what a batch frees the next one uses.

    A C library that is not glibc is left alone.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
    mallopt(M_TRIM_THRESHOLD, IDLE_BYTES)
