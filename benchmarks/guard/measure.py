"""Counts the instructions of one hot path in a process under `valgrind --tool=callgrind`, with its own Valkey.

The count covers all threads of the process outside the kernel. It excludes the kernel, Valkey, waiting, cache misses
and branch misses. Valgrind hides the SHA instructions of the processor, so SHA-256 runs in software and counts many
times its real cost. A count is therefore not a time. It only shows that a path executes more than before.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.guard.hot_paths import HotPath, Place
from benchmarks.guard.inputs import prepare
from benchmarks.pipeline.servers import redis_server, url_of, valkey

_TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)
_LIMIT_SECONDS = 600
_ROOT = Path(__file__).parents[2]


def measure(path: HotPath) -> int:
    """The instructions per image on this path."""
    with tempfile.TemporaryDirectory(prefix="guard-") as name:
        folder = Path(name)
        with redis_server(valkey(), folder / "valkey") as (socket, _):
            place = Place(folder, url_of(socket))
            prepare(path, place)
            _run_probe(path, place)
        return path.cost(*(_read_total(folder / f"counted.{part}") for part in (1, 2)))


def _run_probe(path: HotPath, place: Place) -> None:
    options = ["--tool=callgrind", "--instr-atstart=no", "--vgdb=no", f"--callgrind-out-file={place.folder}/counted"]
    command = ["valgrind", *options, f"--log-file={place.folder}/valgrind.log"]
    command += [sys.executable, "-m", "benchmarks.guard.probe", path.name, str(place.folder), place.redis_url]
    # A minimal environment: a coverage tool or debugger enabled by a variable would be counted.
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    output_file = place.folder / "output.log"
    with output_file.open("wb") as output:
        done = subprocess.run(
            command,
            cwd=_ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{path.name} failed:\n{output_file.read_text()[-2000:]}")


def _read_total(file: Path) -> int:
    found = _TOTALS.search(file.read_text())
    if not found:
        raise SystemExit(f"{file}: callgrind wrote no total")
    return int(found[1])
