"""What dead writers left is taken away while the archiver runs, not only when it starts."""

import logging
import os
import threading
import time
from pathlib import Path

import pytest

from captiond.archive import Archive, ArchiveUnavailable
from captiond.services.archiver.janitor import cleaning

LONG_AGO_SECONDS = 2 * 3600
SOON_SECONDS = 0.01


def leave(images_dir: Path, name: str) -> Path:
    temp = images_dir / "2026" / "03" / "01" / "0759" / f".{name}.tmp"
    temp.parent.mkdir(parents=True, exist_ok=True)
    temp.touch()
    os.utime(temp, (time.time() - LONG_AGO_SECONDS,) * 2)
    return temp


def wait_until_gone(temp: Path) -> None:
    for _ in range(1000):
        if not temp.exists():
            return
        time.sleep(SOON_SECONDS)
    pytest.fail(f"{temp} is still there")


def test_what_is_left_at_the_start_and_later_is_removed(
    archive: Archive, images_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = leave(images_dir, "first")

    with cleaning(archive, SOON_SECONDS):
        wait_until_gone(first)
        wait_until_gone(leave(images_dir, "second"))

    assert "removed 1 temporary files of writers that died" in caplog.messages
    assert "janitor" not in {thread.name for thread in threading.enumerate()}


def test_a_disk_that_is_away_is_said_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    class Away(Archive):
        tries = 0

        def __init__(self) -> None:
            pass

        def clean_up(self, *, grace_seconds: float = 0) -> int:
            self.tries += 1
            raise ArchiveUnavailable(f"disk, grace {grace_seconds}")

    archive = Away()

    with cleaning(archive, SOON_SECONDS):
        while archive.tries < 2:
            time.sleep(SOON_SECONDS)

    assert caplog.messages[0] == "could not clean up: the archive is unavailable: disk, grace 0"
