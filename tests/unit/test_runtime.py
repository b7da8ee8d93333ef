"""Runtime tuning. Each test runs in a process of its own, because the tuning lasts as long as the process."""

import ctypes
import os
import subprocess
import sys

import pytest

GARBAGE_COLLECTOR = """
import gc
from captiond.operations.runtime import GC_THRESHOLDS, tune_runtime
tune_runtime()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
assert gc.get_threshold() == GC_THRESHOLDS
"""
PAGE_FAULTS = """
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
CPUS = """
import os
from captiond.operations.runtime import count_usable_cpus
{without}
print(count_usable_cpus())
"""


def run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True).stdout


def test_loaded_objects_are_exempt_from_garbage_collection() -> None:
    assert run(GARBAGE_COLLECTOR) == ""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="NOT TESTED: this C library is not glibc")
def test_freed_memory_is_reused_without_page_faults() -> None:
    untuned = int(run(PAGE_FAULTS.format(tune_runtime="")))
    tuned = int(run(PAGE_FAULTS.format(tune_runtime="tune_runtime()")))

    assert tuned * 2 < untuned


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="NOT TESTED: this system has no CPU affinity")
def test_usable_cpus_are_those_of_the_affinity_mask() -> None:
    one_cpu = f"os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})"

    assert run(CPUS.format(without=one_cpu)) == "1\n"


def test_usable_cpus_without_affinity_are_all_cpus() -> None:
    """As on macOS."""
    assert run(CPUS.format(without="vars(os).pop('sched_getaffinity', None)")) == f"{os.cpu_count()}\n"
