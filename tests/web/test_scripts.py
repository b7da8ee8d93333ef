"""Runs the unit tests of the scripts."""

import shutil
import subprocess
from pathlib import Path

from playwright._impl._driver import compute_driver_executable

ROOT = Path(__file__).parents[2]


def test_scripts_pass_their_unit_tests() -> None:
    node = shutil.which("node") or compute_driver_executable()[0]
    files = sorted(Path(__file__).with_name("scripts").glob("*.test.js"))
    assert files

    done = subprocess.run([node, "--test", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
