"""Counts the instructions of one hot path: a process of its own under `valgrind --tool=callgrind`, a Valkey of its own.

Counted is what this one process executes outside the kernel, all its threads together. Not counted: the kernel
(sockets, files, syncs), Valkey, waiting, and how well instructions go through a processor (cache misses, branches).
Valgrind hides some of the processor's instructions from the process, those for SHA among them: SHA-256 is counted in
software, many times what it takes in life. So a count is no time; it only tells that more is done than before.
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
    """The instructions that one image takes on this path."""
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
    # Nothing else of the environment: a coverage tool or a debugger in it would be counted, too.
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    said = place.folder / "said.log"
    with said.open("wb") as output:
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
        raise SystemExit(f"{path.name} could not be measured:\n{said.read_text()[-2000:]}")


def _read_total(file: Path) -> int:
    found = _TOTALS.search(file.read_text())
    if not found:
        raise SystemExit(f"callgrind wrote no total into {file}")
    return int(found[1])
