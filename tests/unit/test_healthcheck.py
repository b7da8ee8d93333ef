"""How a container asks its service whether it is well."""

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


def test_a_worker_is_well_from_its_first_word_on(tmp_path: Path) -> None:
    silent = healthcheck("captioner", tmp_path)
    Heartbeat(tmp_path, "captioner").report(None)
    well = healthcheck("captioner", tmp_path)

    assert (silent.returncode, silent.stderr) == (1, "it has not said a word yet\n")
    assert (well.returncode, well.stderr) == (0, "")


def test_a_worker_tells_why_it_is_not_well(tmp_path: Path) -> None:
    Heartbeat(tmp_path, "archiver").report("the database is away")

    assert healthcheck("archiver", tmp_path).stderr == "the database is away\n"


def test_a_worker_that_fell_silent_is_not_well(tmp_path: Path) -> None:
    health = Heartbeat(tmp_path, "captioner")
    health.report(None)
    long_ago = time.time() - 2 * STALE_AFTER_SECONDS
    os.utime(tmp_path / "captioner.alive", (long_ago, long_ago))

    assert "has not said a word for" in (health.problem() or "")


def test_an_unchanged_word_is_not_written_each_time(tmp_path: Path) -> None:
    health = Heartbeat(tmp_path, "captioner")
    health.report(None)
    (tmp_path / "captioner.alive").unlink()

    health.report(None)

    assert health.problem() == "it has not said a word yet"


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    Heartbeat(tmp_path / "file", "captioner").report(None)

    assert (tmp_path / "file").read_text() == "in the way"


def test_an_api_that_does_not_answer_is_not_well(tmp_path: Path) -> None:
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            "from captiond import healthcheck as h; h.READY = 'http://127.0.0.1:1/'; h.main()",
            "api",
        ],
        env={**os.environ, "CAPTIOND_RUN_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 1
    assert "refused" in answer.stderr
