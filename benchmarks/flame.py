"""Draws flame graphs of the services under a burst of uploads into var/flame: python -m benchmarks.flame [IMAGES].

The width of a function is its share of the samples in which the process held the global interpreter lock. Waiting and
code that releases the lock do not show: files, sockets, JPEG encoding, SHA-256 of large data.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.pipeline.contenders import CAPTIOND
from benchmarks.pipeline.load.send import send_burst
from benchmarks.pipeline.load.uploads import make_uploads, write_bodies
from benchmarks.pipeline.servers import servers
from benchmarks.pipeline.trial import await_rows, started, warm_up

FOLDER = Path("var/flame")
_IMAGES = 2000
_WARM_UP_IMAGES = 20
_SAMPLES_PER_SECOND = 400
_STOP_SECONDS = 60


def main() -> None:
    """Run the burst of the pipeline benchmark and sample one process per role."""
    images = int(sys.argv[1]) if sys.argv[1:] else _IMAGES
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="captiond-flame-") as name, ExitStack() as opened:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        uploads = make_uploads(_WARM_UP_IMAGES + images)
        write_bodies(uploads[_WARM_UP_IMAGES:], folder / "bodies")
        running = opened.enter_context(servers(folder, with_redis_of_system=False))
        _, stack, database = opened.enter_context(started(CAPTIOND, running, folder / "captiond"))
        warm_up(stack, database, uploads[:_WARM_UP_IMAGES], CAPTIOND.stall_seconds)
        with ExitStack() as recorded:
            for role, pid in dict(stack.processes).items():
                recorded.enter_context(_recording(role, pid))
            send_burst(stack.url, folder / "bodies", images)
            await_rows(database, len(uploads), CAPTIOND.stall_seconds)


@contextmanager
def _recording(role: str, pid: int) -> Iterator[None]:
    """Sample one process by function and draw its flame graph at the end."""
    target = FOLDER / f"{role}.svg"
    # Without --gil, waiting threads are drawn as busy.
    command = ["py-spy", "record", "--gil", "--function", "--pid", str(pid)]
    command += ["--rate", str(_SAMPLES_PER_SECOND), "--output", str(target)]
    program = Path(sys.executable).with_name("py-spy")
    process = subprocess.Popen(
        command, executable=program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # by its bare name, because the graph shows the command line
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=_STOP_SECONDS)
    if process.returncode:
        raise SystemExit(f"py-spy failed on {role}:\n{output}")
    print(f"{target}: {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
