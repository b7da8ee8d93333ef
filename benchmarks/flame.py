"""Flame graphs of the services under a burst of uploads: python -m benchmarks.flame [IMAGES]; they go to var/flame.

A column is as wide as its function was found holding the interpreter's lock: what the service's own Python takes of it.
Waiting does not show, nor does what gives the lock away: SHA-256 of large data, files, sockets, JPEG encoding.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.pipeline.contenders import CONTENDERS
from benchmarks.pipeline.load.send import send_burst
from benchmarks.pipeline.load.uploads import make_uploads, write_bodies
from benchmarks.pipeline.servers import servers
from benchmarks.pipeline.trial import await_rows, started, warm_up

FOLDER = Path("var/flame")
_IMAGES = 2000
_WARMING = 20
_SAMPLES_PER_SECOND = 400
_STOP_SECONDS = 60


def main() -> None:
    """The load of the pipeline's benchmark; of two captioners one is looked at."""
    images = int(sys.argv[1]) if sys.argv[1:] else _IMAGES
    captiond = next(contender for contender in CONTENDERS if contender.slug == "captiond")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="captiond-flame-") as name, ExitStack() as opened:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        uploads = make_uploads(_WARMING + images)
        write_bodies(uploads[_WARMING:], folder / "bodies")
        running = opened.enter_context(servers(folder, with_redis_of_system=False))
        _, stack, database = opened.enter_context(started(captiond, running, folder / "captiond"))
        warm_up(stack, database, uploads[:_WARMING])
        with ExitStack() as recorded:
            for role, pid in dict(stack.processes).items():
                recorded.enter_context(_recording(role, pid))
            send_burst(stack.url, folder / "bodies", images)
            await_rows(database, len(uploads))


@contextmanager
def _recording(role: str, pid: int) -> Iterator[None]:
    """Samples one process until the block is left, and draws then; by function, lines would be too many."""
    target = FOLDER / f"{role}.svg"
    # Without --gil, threads that only wait are drawn as busy.
    command = ["py-spy", "record", "--gil", "--function", "--pid", str(pid)]
    command += ["--rate", str(_SAMPLES_PER_SECOND), "--output", str(target)]
    program = Path(sys.executable).with_name("py-spy")
    process = subprocess.Popen(
        command, executable=program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # by its bare name, which the picture repeats
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=_STOP_SECONDS)
    if process.returncode:
        raise SystemExit(f"py-spy could not look at {role}:\n{said}")
    print(f"{target}: {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
