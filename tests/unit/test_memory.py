"""What a service tells its process about memory. Each in a process of its own: it holds for the whole of one."""

import ctypes
import subprocess
import sys

import pytest

SCRIPT = """
import gc
from captiond.operations.runtime import COLLECT_AFTER, tune_runtime
tune_runtime()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
assert gc.get_threshold() == COLLECT_AFTER
"""
FREES = """
import resource
from captiond.operations.runtime import tune_runtime
{tune_runtime}
def use():
    return [bytes([1]) * (1 << 20) for _ in range(8)]
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True).stdout


def test_what_was_loaded_is_not_looked_through_again() -> None:
    assert run(SCRIPT) == ""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="NOT TESTED: this C library is not glibc")
def test_memory_that_was_freed_is_used_again_without_asking_the_kernel() -> None:
    without, with_it = int(run(FREES.format(tune_runtime=""))), int(run(FREES.format(tune_runtime="tune_runtime()")))

    assert with_it * 2 < without
