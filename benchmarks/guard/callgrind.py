"""Asks callgrind from inside the process that it counts: begin to count, and write down what was counted since.

Valgrind's "client requests" are macros for C: a sequence of instructions that does nothing on a processor. So are
these, put into memory as they are, for want of a compiler. Counting only from here on spares the start of Python and
its imports, which would take most of the time.
"""

import ctypes
import mmap
import platform

# valgrind.h, amd64: rax points to the request, rdx has the answer where nobody answers, and afterwards the answer.
_CODE = bytes.fromhex(
    "4889f8"  # mov rax, rdi: our first argument
    "4889f2"  # mov rdx, rsi: our second
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
MACHINE = "x86_64"  # the only one these instructions are for


class Callgrind:
    """The counter that this process runs under; a SystemExit where there is none."""

    def __init__(self) -> None:
        if platform.machine() != MACHINE:
            raise SystemExit(f"callgrind can only be asked on {MACHINE}")
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._page.write(_CODE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        prototype = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_long)
        self._call = prototype(address)
        if not self._ask(_RUNNING_ON_VALGRIND):
            raise SystemExit("this is to be run by valgrind --tool=callgrind")

    def start(self) -> None:
        """Count from now on."""
        self._ask(_START_INSTRUMENTATION)
        self._ask(_ZERO_STATS)

    def write_down(self) -> None:
        """Write what was counted into the next output file, and count from zero."""
        self._ask(_DUMP_STATS)

    def _ask(self, request: int) -> int:
        words = (ctypes.c_ulong * _WORDS)(request)
        answer: int = self._call(ctypes.addressof(words), 0)
        return answer
