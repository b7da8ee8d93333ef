"""The default number of captioners. Each test runs in a process of its own, because it changes that process."""

import os
import subprocess
import sys

import pytest

COUNT = """
import os
from captiond.cli.up import count_usable_cpus
{change}
print(count_usable_cpus())
"""


def count(change: str) -> str:
    script = COUNT.format(change=change)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="NOT TESTED: this system has no CPU affinity")
def test_usable_cpus_are_those_of_the_affinity_mask() -> None:
    assert count(f"os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})") == "1\n"


def test_usable_cpus_without_affinity_are_all_cpus() -> None:
    """As on macOS."""
    assert count("vars(os).pop('sched_getaffinity', None)") == f"{os.cpu_count()}\n"
