"""Controls callgrind from inside the measured process: start counting, write the counts.

Valgrind's client requests (valgrind.h) are C macros that expand to instructions without effect on a real processor.
This module places the same instructions into executable memory, which needs no compiler. Counting starts after the
imports, because callgrind would spend most of the time on them.
"""

import ctypes
import mmap
import platform

# valgrind.h, amd64: rax points to the request, rdx holds the default result and then the result.
_CODE = bytes.fromhex(
    "4889f8"  # mov rax, rdi: first argument
    "4889f2"  # mov rdx, rsi: second argument
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi by 3, 13, 61 and 51: by 128 in all
    "4887db"  # xchg rbx, rbx
    "4889d0"  # mov rax, rdx
    "c3"  # ret
)
_RUNNING_ON_VALGRIND = 0x1001
_CALLGRIND = ord("C") << 24 | ord("T") << 16
_DUMP_STATS = _CALLGRIND
_ZERO_STATS = _CALLGRIND + 1
_START_INSTRUMENTATION = _CALLGRIND + 4
_WORDS = 6  # the request and its arguments
MACHINE = "x86_64"  # the architecture of these instructions


class Callgrind:
    """The callgrind that runs this process. Raises SystemExit outside of callgrind."""

    def __init__(self) -> None:
        if platform.machine() != MACHINE:
            raise SystemExit(f"callgrind can be controlled on {MACHINE} only")
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._page.write(_CODE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        prototype = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_long)
        self._call = prototype(address)
        if not self._request(_RUNNING_ON_VALGRIND):
            raise SystemExit("not running under valgrind --tool=callgrind")

    def start(self) -> None:
        """Start counting."""
        self._request(_START_INSTRUMENTATION)
        self._request(_ZERO_STATS)

    def write_counts(self) -> None:
        """Write the counts to the next output file and reset them."""
        self._request(_DUMP_STATS)

    def _request(self, request: int) -> int:
        words = (ctypes.c_ulong * _WORDS)(request)
        answer: int = self._call(ctypes.addressof(words), 0)
        return answer
