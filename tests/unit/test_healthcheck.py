"""Heartbeats, and the health check of a container that reads them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from captiond.operations.heartbeat import STALE_AFTER_SECONDS, STORAGE, Heartbeat

CHECK = "from captiond import healthcheck; healthcheck.main()"
CHECK_UNREACHABLE_API = (
    "from captiond import healthcheck; healthcheck.READY_URL = 'http://127.0.0.1:1/'; healthcheck.main()"
)


def healthcheck(service: str, run_dir: Path, script: str = CHECK) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, service],
        env={**os.environ, "CAPTIOND_RUN_DIR": str(run_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("service", ["captioner", "notifier"])
def test_worker_is_healthy_after_its_first_heartbeat(tmp_path: Path, service: str) -> None:
    before = healthcheck(service, tmp_path)
    Heartbeat(tmp_path, service).report(None)
    after = healthcheck(service, tmp_path)

    assert (before.returncode, before.stderr) == (1, "no heartbeat yet\n")
    assert (after.returncode, after.stderr) == (0, "")


def test_reported_problem_is_printed(tmp_path: Path) -> None:
    Heartbeat(tmp_path, "archiver").report("the database is unavailable")

    check = healthcheck("archiver", tmp_path)

    assert (check.returncode, check.stderr) == (1, "the database is unavailable\n")


def test_archiver_that_cannot_write_is_unhealthy(tmp_path: Path) -> None:
    Heartbeat(tmp_path, "archiver").report(None)
    Heartbeat(tmp_path, STORAGE).report("images directory: Read-only file system")
    unhealthy = healthcheck("archiver", tmp_path)
    Heartbeat(tmp_path, STORAGE).report(None)
    healthy = healthcheck("archiver", tmp_path)

    assert (unhealthy.returncode, unhealthy.stderr) == (1, "images directory: Read-only file system\n")
    assert (healthy.returncode, healthy.stderr) == (0, "")


def test_proxies_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:2")

    check = healthcheck("api", tmp_path, CHECK_UNREACHABLE_API.replace("127.0.0.1:1", "no-such-host.invalid:1"))

    assert check.returncode == 1
    assert "Connection refused" not in check.stderr  # by the proxy


def test_stale_heartbeat_is_a_problem(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path, "captioner")
    heartbeat.report(None)
    long_ago = time.time() - 2 * STALE_AFTER_SECONDS
    os.utime(tmp_path / "captioner.alive", (long_ago, long_ago))

    assert "no heartbeat for 60 s" in (heartbeat.problem() or "")


def test_unchanged_report_is_not_written_every_time(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path, "captioner")
    heartbeat.report(None)
    (tmp_path / "captioner.alive").unlink()

    heartbeat.report(None)

    assert heartbeat.problem() == "no heartbeat yet"


def test_unwritable_run_dir_does_not_stop_the_worker(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")

    Heartbeat(tmp_path / "file", "captioner").report(None)

    assert (tmp_path / "file").read_text() == "not a directory"


def test_unreachable_api_is_unhealthy(tmp_path: Path) -> None:
    check = healthcheck("api", tmp_path, CHECK_UNREACHABLE_API)

    assert check.returncode == 1
    assert "refused" in check.stderr


def test_unknown_arguments_print_the_usage(tmp_path: Path) -> None:
    check = subprocess.run([sys.executable, "-c", CHECK], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (check.returncode, check.stderr[:6]) == (1, "usage:")


def test_failure_to_write_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "run").touch()
    heartbeat = Heartbeat(tmp_path / "run", "archiver")
    heartbeat.report("first")
    heartbeat.report("second")
    (tmp_path / "run").unlink()
    heartbeat.report("third")
    (tmp_path / "run" / "archiver.alive").unlink()
    (tmp_path / "run").rmdir()
    (tmp_path / "run").touch()
    heartbeat.report("fourth")

    assert caplog.messages == [f"cannot write heartbeat {tmp_path}/run/archiver.alive: File exists"] * 2
