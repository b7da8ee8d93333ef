"""Scenarios 18 and 19: a disk that is full, read-only or failing for some seconds."""

import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.rig import Rig, wait_for
from tests.faults.servers import IN_FULL
from tests.faults.tracing import traced

# Uploads per fault and seconds of the full tier and of the quick tier.
UPLOADS = 300 if IN_FULL else 40
BROKEN_SECONDS = 20.0 if IN_FULL else 2.0
DISK_BYTES = 16 << 20
FAILED_SYNCS = 40 if IN_FULL else 8


@pytest.fixture
def disk(rig: Rig) -> Iterator[Path]:
    """The images directory on its own small file system."""
    images = rig.folder / "images"
    images.mkdir(exist_ok=True)
    command: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", images]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"not possible here: mount a tmpfs: {mounted.stderr.strip()}")
    yield images
    rig.close()
    subprocess.run(["umount", images], check=True)


def fill(images: Path) -> None:
    """Fill the file system."""
    with (images / "ballast").open("wb", buffering=0) as ballast:
        while free := shutil.disk_usage(images).free:
            ballast.write(bytes(min(free, 1 << 20)))


def empty(images: Path) -> None:
    (images / "ballast").unlink()


def lock(images: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", images], check=True)


def unlock(images: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", images], check=True)


@pytest.mark.timeout(300)
def test_disk_failure_costs_no_delivery_attempt_and_leaves_no_file(rig: Rig, disk: Path) -> None:
    rig.start_all()
    rig.load.send(UPLOADS)

    for damage, repair in ((fill, empty), (lock, unlock)):
        rig.drain()
        while_broken(rig, lambda: damage(disk), lambda: repair(disk))  # noqa: B023 - called within the iteration
    rig.mark_recovery_start()
    rig.load.send(UPLOADS)

    result = rig.finish("18", "disk full, then read-only", leftovers=False)
    assert result.accepted == 4 * UPLOADS
    assert result.dead == 0
    assert {line.deliveries for line in rig.journal if line.what == "given"} == {1}


def while_broken(rig: Rig, damage: Callable[[], None], repair: Callable[[], None]) -> None:
    damage()
    rig.load.send(UPLOADS)
    threading.Event().wait(BROKEN_SECONDS)  # the duration is part of the scenario
    assert not rig.is_empty()
    repair()
    rig.faults += 1


@pytest.mark.timeout(300)
@pytest.mark.servers("one")
def test_failed_fsync_is_not_retried_on_the_same_file(rig: Rig) -> None:
    """Strace makes every fsync of the archiver fail."""
    rig.start("api")
    rig.start("captioner")
    archiver = rig.start("archiver")
    rig.await_ready()
    rig.await_worker(archiver)
    log = rig.folder / "strace.log"

    with traced(archiver.pid, log, "-f", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO"):
        rig.load.send(UPLOADS)
        wait_for(lambda: len(re.findall("EIO", log.read_text())) >= FAILED_SYNCS, 120, "enough syncs have failed")
        assert not rig.is_empty()
    rig.mark_recovery_start()

    synced = re.findall(r"fsync\(\d+<(.*\.tmp)>", log.read_text())
    rig.faults = len(synced)
    assert len(synced) == len(set(synced)) > 0
    result = rig.finish("19", "fsync fails with EIO", leftovers=False)
    assert result.accepted == UPLOADS
    assert {line.deliveries for line in rig.journal if line.what == "given"} == {1}
