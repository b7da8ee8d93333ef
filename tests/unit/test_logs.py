import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from socket import gethostname

import pytest

from captiond import logs

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ test@\S+\[\d+\] [\w.]+: .+")
SETUP = """
import asyncio, logging, sys, threading
from pathlib import Path
from captiond import logs
logs.MAX_FILE_BYTES = 20_000
logs.configure_logging("test", Path(sys.argv[1]), "INFO")
"""


def run(script: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, because logging is configured per process."""
    return subprocess.run(command(script, *args), capture_output=True, text=True, timeout=60, check=False)


def command(script: str, *args: str) -> Sequence[str]:
    return [sys.executable, "-c", SETUP + script, *args]


def test_text_that_is_not_unicode_is_visible_in_the_file(tmp_path: Path) -> None:
    run(r'logging.info("a\udcffb")', str(tmp_path))

    assert (tmp_path / "test.log").read_text("utf-8").endswith("root: a?b\n")


def test_line_is_written_to_file_and_stderr_with_a_utc_time(tmp_path: Path) -> None:
    done = run('import os, time; os.environ["TZ"] = "Asia/Tokyo"; time.tzset(); logging.info("Привет")', str(tmp_path))

    [line] = done.stderr.splitlines()
    assert LINE.fullmatch(line)
    assert line.endswith("root: Привет")
    assert (tmp_path / "test.log").read_text("utf-8") == done.stderr


def test_each_line_of_a_message_is_a_complete_log_line(tmp_path: Path) -> None:
    done = run(r'logging.info("one\ntwo %d\n", 3)', str(tmp_path))

    lines = done.stderr.splitlines()
    assert [line.partition("root: ")[2] for line in lines] == ["one", "two 3"]
    assert all(LINE.fullmatch(line) for line in lines)
    assert (tmp_path / "test.log").read_text("utf-8") == done.stderr


def test_time_is_utc_in_any_time_zone(tmp_path: Path) -> None:
    script = """
import os, time
from datetime import UTC, datetime, timedelta
os.environ["TZ"] = "Asia/Tokyo"
time.tzset()
logging.info("x")
logged_at = datetime.fromisoformat((Path(sys.argv[1]) / "test.log").read_text().split()[0])
assert abs(logged_at - datetime.now(UTC)) < timedelta(minutes=1), logged_at
"""

    assert run(script, str(tmp_path)).returncode == 0


def test_missing_log_directory_is_created(tmp_path: Path) -> None:
    run('logging.info("x")', str(tmp_path / "a" / "b"))

    assert (tmp_path / "a" / "b" / "test.log").is_file()


def test_level_info_omits_debug(tmp_path: Path) -> None:
    assert run('logging.debug("secret")', str(tmp_path)).stderr == ""


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('raise ValueError("lost")', "unhandled error"),
        (
            """
def work():
    raise ValueError("lost")

thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
""",
            "unhandled error in thread worker",
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
def test_unhandled_error_is_logged_with_its_traceback(tmp_path: Path, script: str, message: str) -> None:
    run(script, str(tmp_path))

    log = (tmp_path / "test.log").read_text()
    first = log.splitlines()[0]
    assert LINE.fullmatch(first)
    assert " CRITICAL " in first
    assert message in first
    assert "Traceback (most recent call last)" in log
    assert "ValueError: lost" in log


def test_unhandled_error_in_a_loop_callback_is_logged_with_its_traceback(tmp_path: Path) -> None:
    script = """
def fail():
    raise ValueError("lost")

async def main():
    loop = asyncio.get_running_loop()
    logs.log_unhandled_of_loop(loop)
    loop.call_soon(fail)
    await asyncio.sleep(0)
    loop.call_exception_handler({"message": "a message without an exception"})

asyncio.run(main())
"""

    run(script, str(tmp_path))

    log = (tmp_path / "test.log").read_text()
    assert "ValueError: lost" in log
    assert "unhandled error in the event loop: a message without an exception" in log


def test_keyboard_interrupt_is_not_logged(tmp_path: Path) -> None:
    done = run("raise KeyboardInterrupt", str(tmp_path))

    assert done.returncode == -signal.SIGINT
    assert not (tmp_path / "test.log").exists()


def test_quiet_logging_writes_info_to_the_file_only(tmp_path: Path) -> None:
    script = 'logs.configure_logging("test", Path(sys.argv[1]), "INFO", quiet=True); '

    done = run(f'{script}logging.info("started"); logging.warning("trouble")', str(tmp_path))

    assert [line.partition("root: ")[2] for line in done.stderr.splitlines()] == ["trouble"]
    log = (tmp_path / "test.log").read_text()
    assert [line.partition("root: ")[2] for line in log.splitlines()] == ["started", "trouble"]


def test_python_warnings_are_logged(tmp_path: Path) -> None:
    run('import warnings; warnings.warn("deprecated")', str(tmp_path))

    assert "py.warnings: " in (tmp_path / "test.log").read_text()


def test_processes_share_a_rotating_file_without_losing_lines(tmp_path: Path) -> None:
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


def test_log_files_of_a_service_are_limited_in_size() -> None:
    assert logs.MAX_FILE_BYTES * (logs.KEPT_FILES + 1) < 128 << 20


def test_json_format_writes_an_object_per_line_to_file_and_stderr(tmp_path: Path) -> None:
    script = r"""
logs.configure_logging("test", Path(sys.argv[1]), "INFO", log_format="json")
logging.info("one \u041f\x1b\ntwo %d\n", 3)
try:
    raise ValueError("lost")
except ValueError:
    logging.exception("failed")
"""

    done = run(script, str(tmp_path))

    assert (tmp_path / "test.log").read_text("utf-8") == done.stderr
    one, two, failed = (json.loads(line) for line in done.stderr.splitlines())
    assert (one["level"], one["logger"], one["service"], one["host"]) == ("INFO", "root", "test", gethostname())
    assert (one["message"], two["message"], failed["message"]) == ("one П\x1b", "two 3", "failed")
    assert datetime.fromisoformat(one["time"]).utcoffset() is not None
    assert failed["exception"].endswith("ValueError: lost")
    assert "exception" not in two


ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        (f"612 599 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda rw", ID[:12]),
        (f"9 8 0:1 /containers/overlay-containers/{ID}/userdata/hostname /etc/hostname rw - tmpfs t rw", ID[:12]),
        (f"612 599 8:1 /var/lib/docker/containers/{ID}/hosts /etc/hosts rw - ext4 /dev/sda rw", None),
        ("", None),
    ],
    ids=["docker", "podman", "another mount", "none"],
)
def test_container_id_is_read_from_the_mounts(mounts: str, expected: str | None) -> None:
    assert logs.find_container_id(mounts) == expected
