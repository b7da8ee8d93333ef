import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from captiond import logs

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ test\[\d+\] [\w.]+: .+")
SETUP = """
import asyncio, logging, sys, threading
from pathlib import Path
from captiond import logs
logs.MAX_FILE_BYTES = 20_000
logs.configure_logging("test", Path(sys.argv[1]), "INFO")
"""


def run(script: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Logging belongs to a whole process, so each script has one of its own."""
    return subprocess.run(command(script, *args), capture_output=True, text=True, timeout=60, check=False)


def command(script: str, *args: str) -> Sequence[str]:
    return [sys.executable, "-c", SETUP + script, *args]


def test_a_line_goes_to_the_file_and_to_stderr_with_its_time_in_utc(tmp_path: Path) -> None:
    done = run('import os, time; os.environ["TZ"] = "Asia/Tokyo"; time.tzset(); logging.info("Привет")', str(tmp_path))

    [line] = done.stderr.splitlines()
    assert LINE.fullmatch(line)
    assert line.endswith("root: Привет")
    assert (tmp_path / "test.log").read_text("utf-8") == done.stderr


def test_each_line_of_a_message_is_a_whole_line_of_the_log(tmp_path: Path) -> None:
    done = run(r'logging.info("one\ntwo %d\n", 3)', str(tmp_path))

    lines = done.stderr.splitlines()
    assert [line.partition("root: ")[2] for line in lines] == ["one", "two 3", ""]
    assert all(LINE.fullmatch(line) for line in lines[:2])
    assert (tmp_path / "test.log").read_text("utf-8") == done.stderr


def test_the_time_is_utc_wherever_the_machine_stands(tmp_path: Path) -> None:
    script = """
import os, time
from datetime import UTC, datetime, timedelta
os.environ["TZ"] = "Asia/Tokyo"
time.tzset()
logging.info("x")
written = datetime.fromisoformat((Path(sys.argv[1]) / "test.log").read_text().split()[0])
assert abs(written - datetime.now(UTC)) < timedelta(minutes=1), written
"""

    assert run(script, str(tmp_path)).returncode == 0


def test_the_folder_is_made_where_it_is_missing(tmp_path: Path) -> None:
    run('logging.info("x")', str(tmp_path / "a" / "b"))

    assert (tmp_path / "a" / "b" / "test.log").is_file()


def test_debug_is_left_out_at_info(tmp_path: Path) -> None:
    assert run('logging.debug("secret")', str(tmp_path)).stderr == ""


@pytest.mark.parametrize(
    ("script", "where"),
    [
        ('raise ValueError("lost")', "unhandled error"),
        (
            """
def work():
    raise ValueError("lost")

thread = threading.Thread(target=work, name="digger")
thread.start()
thread.join()
""",
            "unhandled error in thread digger",
        ),
        (
            """
async def work():
    raise ValueError("lost")

async def main():
    logs.log_unhandled_of_loop(asyncio.get_running_loop())
    task = asyncio.create_task(work())
    await asyncio.wait([task])

asyncio.run(main())
""",
            "unhandled error in the event loop",
        ),
    ],
    ids=["main thread", "another thread", "task"],
)
def test_what_nobody_handles_is_logged_with_its_traceback(tmp_path: Path, script: str, where: str) -> None:
    run(script, str(tmp_path))

    written = (tmp_path / "test.log").read_text()
    first = written.splitlines()[0]
    assert LINE.fullmatch(first)
    assert " CRITICAL " in first
    assert where in first
    assert "Traceback (most recent call last)" in written
    assert "ValueError: lost" in written


def test_a_failing_callback_of_the_loop_is_logged_with_its_traceback(tmp_path: Path) -> None:
    script = """
def fail():
    raise ValueError("lost")

async def main():
    loop = asyncio.get_running_loop()
    logs.log_unhandled_of_loop(loop)
    loop.call_soon(fail)
    await asyncio.sleep(0)
    loop.call_exception_handler({"message": "no exception here"})

asyncio.run(main())
"""

    run(script, str(tmp_path))

    written = (tmp_path / "test.log").read_text()
    assert "ValueError: lost" in written
    assert "unhandled error in the event loop: no exception here" in written


def test_ctrl_c_is_no_error_to_log(tmp_path: Path) -> None:
    done = run("raise KeyboardInterrupt", str(tmp_path))

    assert done.returncode == -signal.SIGINT
    assert not (tmp_path / "test.log").exists()


def test_warnings_of_python_are_logged(tmp_path: Path) -> None:
    run('import warnings; warnings.warn("old ways")', str(tmp_path))

    assert "py.warnings: " in (tmp_path / "test.log").read_text()


def test_several_processes_share_one_rotating_file_and_lose_no_line(tmp_path: Path) -> None:
    script = 'for number in range(300): logging.info("line %s %d %s", sys.argv[2], number, "x" * 80)'

    writers = [
        subprocess.Popen(command(script, str(tmp_path), name), stderr=subprocess.DEVNULL) for name in ("one", "two")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]

    files = sorted(tmp_path.glob("test.log*"))
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len(files) > 2
    assert all(LINE.fullmatch(line) for line in lines)
    found = {tuple(line.split(": ", 1)[1].split()[1:3]) for line in lines}
    assert found == {(name, str(number)) for name in ("one", "two") for number in range(300)}


def test_the_files_of_a_service_take_bounded_room() -> None:
    assert logs.MAX_FILE_BYTES * (logs.KEPT_FILES + 1) < 128 << 20
