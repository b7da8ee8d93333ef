"""The health checks of containers."""

import os
import subprocess
import sys
import time
from pathlib import Path

from captiond.operations.heartbeat import STALE_AFTER_SECONDS, Heartbeat


def healthcheck(service: str, run_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from captiond.healthcheck import main; main()", service],
        env={**os.environ, "CAPTIOND_RUN_DIR": str(run_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_worker_is_healthy_from_its_first_heartbeat(tmp_path: Path) -> None:
    before = healthcheck("captioner", tmp_path)
    Heartbeat(tmp_path, "captioner").report(None)
    after = healthcheck("captioner", tmp_path)

    assert (before.returncode, before.stderr) == (1, "it has not said a word yet\n")
    assert (after.returncode, after.stderr) == (0, "")


def test_unhealthy_worker_reports_its_reason(tmp_path: Path) -> None:
    Heartbeat(tmp_path, "archiver").report("the database is unavailable")

    assert healthcheck("archiver", tmp_path).stderr == "the database is unavailable\n"


def test_worker_without_a_recent_heartbeat_is_unhealthy(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path, "captioner")
    heartbeat.report(None)
    stale = time.time() - 2 * STALE_AFTER_SECONDS
    os.utime(tmp_path / "captioner.alive", (stale, stale))

    assert "has not said a word for" in (heartbeat.problem() or "")


def test_unchanged_heartbeat_is_not_written_every_time(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path, "captioner")
    heartbeat.report(None)
    (tmp_path / "captioner.alive").unlink()

    heartbeat.report(None)

    assert heartbeat.problem() == "it has not said a word yet"


def test_unwritable_heartbeat_directory_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")

    Heartbeat(tmp_path / "file", "captioner").report(None)

    assert (tmp_path / "file").read_text() == "a file"


def test_unreachable_api_is_unhealthy(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from captiond import healthcheck as h; h.READY_URL = 'http://127.0.0.1:1/'; h.main()",
            "api",
        ],
        env={**os.environ, "CAPTIOND_RUN_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "refused" in done.stderr
