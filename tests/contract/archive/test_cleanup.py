"""The archiver deletes temporary files when it starts, and while it runs."""

import logging
import os
import threading
import time
from pathlib import Path

import pytest

from captiond.archive import Archive, ArchiveUnavailable
from captiond.services.archiver.cleanup import run_cleanup

LONG_AGO_SECONDS = 2 * 3600
SOON_SECONDS = 0.01


def create_temporary(images_dir: Path, name: str) -> Path:
    temp = images_dir / "2026" / "03" / "01" / "0759" / f".{name}.tmp"
    temp.parent.mkdir(parents=True, exist_ok=True)
    temp.touch()
    os.utime(temp, (time.time() - LONG_AGO_SECONDS,) * 2)
    return temp


def wait_until_deleted(temp: Path) -> None:
    for _ in range(1000):
        if not temp.exists():
            return
        time.sleep(SOON_SECONDS)
    pytest.fail(f"{temp} was not deleted")


def test_temporary_files_are_deleted_at_start_and_later(
    archive: Archive, images_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = create_temporary(images_dir, "first")

    with run_cleanup(archive, SOON_SECONDS):
        wait_until_deleted(first)
        wait_until_deleted(create_temporary(images_dir, "second"))

    assert "deleted temporary files of crashed writers count=1" in caplog.messages
    assert "cleanup" not in {thread.name for thread in threading.enumerate()}


def test_unavailable_archive_is_logged_and_retried(caplog: pytest.LogCaptureFixture) -> None:
    class Unavailable(Archive):
        tries = 0

        def __init__(self) -> None:
            pass

        def clean_up(self, *, grace_seconds: float = 0) -> int:
            self.tries += 1
            raise ArchiveUnavailable(f"disk, grace {grace_seconds}")

    archive = Unavailable()

    with run_cleanup(archive, SOON_SECONDS):
        while archive.tries < 2:
            time.sleep(SOON_SECONDS)

    assert caplog.messages[0] == (
        "cannot delete temporary files: the archive is unavailable: disk, grace 0; next attempt in 0 s"
    )
