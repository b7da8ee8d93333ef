"""The rules for skipped tests in tests/conftest.py."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TESTS = """
import pytest

def test_one():
    pytest.skip("no such program")

@pytest.mark.skipif(True, reason="no such program")
def test_two():
    pass

def test_three():
    pytest.skip("not possible here: mount a disk")

def test_four():
    pytest.xfail("a known bug")
"""


def run_tests(folder: Path, **changes: str) -> str:
    (folder / "test_some.py").write_text(TESTS)
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | changes
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    return done.stdout


def test_skips_are_counted_by_reason(tmp_path: Path) -> None:
    output = run_tests(tmp_path)

    assert "    2 no such program\n    1 not possible here: mount a disk\n" in output
    assert "3 skipped, 1 xfailed" in output


def test_skips_fail_in_ci_unless_impossible(tmp_path: Path) -> None:
    output = run_tests(tmp_path, CI="true")

    assert "skipped in CI: no such program" in output
    assert "    1 not possible here: mount a disk\n" in output
    assert "1 failed, 1 skipped, 1 xfailed, 1 error" in output
