"""Adapts the process to its work: malloc and garbage collector for batches of images, CPUs for captioners."""

import ctypes
import gc
import os

# mallopt parameters of glibc's malloc.h. Larger blocks are mapped, and unmapped when freed. Of the heap, that much
# may stay free before malloc returns it to the kernel.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MMAP_THRESHOLD_BYTES = 16 << 20
TRIM_THRESHOLD_BYTES = 64 << 20
# An image leaves hardly any reference cycles, so the default of a collection per 700 objects is wasted work.
GC_THRESHOLDS = (20_000, 50, 100)


def tune_runtime() -> None:
    """Exempt existing objects from garbage collection, and keep freed memory for reuse. Call once all is loaded.

    Without glibc, malloc keeps its defaults.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
    mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)


def count_usable_cpus() -> int:
    """Count the CPUs that this process may run on; on macOS, which has no CPU affinity, all CPUs."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
