"""Memory of the API: what uploads and originals in progress may use, and how malloc returns it."""

import ctypes
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from captiond.services.api.http.problem_types import OVERLOADED
from captiond.services.api.http.problems import Problem

# Parameters of mallopt in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# Larger blocks are mapped one by one, so that freeing them returns their memory. By default glibc raises this threshold
# to the size of each freed block, up to 32 MiB; the heap then keeps large blocks between small ones.
MMAPPED_BYTES = 256 << 10
# Free memory at the end of the heap is returned above this size.
TRIMMED_BYTES = 16 << 20

logger = logging.getLogger(__name__)


class MemoryBudget:
    """Limits the bytes of `what`, which name the work in the error. Thread-safe."""

    def __init__(self, max_bytes: int, what: str) -> None:
        self._max_bytes = max_bytes
        self._what = what
        self._used_bytes = 0
        self._lock = threading.Lock()

    def reserve(self, size_bytes: int) -> None:
        """Raise Problem if the limit would be exceeded. The first reservation may exceed it."""
        with self._lock:
            if self._used_bytes and self._used_bytes + size_bytes > self._max_bytes:
                detail = f"The memory for {self._what} is used up; retry after the time in Retry-After."
                raise Problem(OVERLOADED, detail)
            self._used_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        with self._lock:
            self._used_bytes -= size_bytes

    @contextmanager
    def reserved(self, size_bytes: int) -> Iterator[None]:
        """Reserve memory for the length of a block. Raises Problem."""
        self.reserve(size_bytes)
        try:
            yield
        finally:
            self.release(size_bytes)


def return_freed_memory() -> None:
    """Make malloc return the memory of uploads when it is freed. No effect on other C libraries than glibc."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return
    for parameter, value in ((M_MMAP_THRESHOLD, MMAPPED_BYTES), (M_TRIM_THRESHOLD, TRIMMED_BYTES)):
        if not library.mallopt(parameter, value):
            logger.warning("mallopt(%d, %d) failed; freed memory may not be returned", parameter, value)
