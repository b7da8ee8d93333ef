"""`captiond prune` is killed at each step; the archiver finishes what it left."""

import signal
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from captiond.archive import Actor, Archive, PageQuery
from tests.faults.rig import Rig, Service, wait_for

# The last one leaves work to the archiver.
PLACES = ("deletion.rows", "deletion.finish", "deletion.state", "deletion.files")
FAILPOINTS = [f"{place}.{when}" for place, when in product(PLACES, ("before", "after"))]
FINISH_SECONDS = 60.0


@pytest.fixture
def archive(rig: Rig) -> Iterator[Archive]:
    with Archive.open(rig.database_url, Path(rig.environment()["CAPTIOND_IMAGES_DIR"])) as archive:
        yield archive


@pytest.mark.servers("one")
def test_killed_prune_leaves_images_whole_or_deleted(rig: Rig, archive: Archive) -> None:
    rig.start_all()
    rig.load.send(2 * len(FAILPOINTS))
    rig.drain()
    images = archive.page(PageQuery(limit=100))
    assert len(images) == rig.load.sent
    held = {images[0].id, images[-1].id}
    for image_id in held:
        archive.lifecycle.hold(image_id, Actor("test"))
    rig.stop()

    sizes = [image.size_bytes for image in images if image.id not in held]
    for number, failpoint in enumerate(FAILPOINTS, 1):
        # Each keeps one image less, and finishes what the one before has left.
        kept = sum(sizes[: len(sizes) - number])
        environment = rig.environment(FAULTS_FAILPOINT=f"{failpoint}:kill", FAULTS_HITS=str(rig.folder / failpoint))
        command = ["prune", "--keep-bytes", str(kept)]
        pid = rig.fork_server.start(command, rig.folder, environment, rig.folder / "prune.output")
        assert Service("prune", pid, rig.fork_server, rig.folder / failpoint).wait() == -signal.SIGKILL, failpoint
        assert list(archive.verify(grace_seconds=3600)) == []

    remaining = {image.id for image in archive.page(PageQuery(limit=100))}
    assert held < remaining
    gone = {image.id for image in images} - remaining
    # All but the first, which was killed before its transaction; the next deletes that image, too.
    assert len(gone) == len(FAILPOINTS)
    assert archive.lifecycle.tombstones(gone).keys() == gone
    assert archive.lifecycle.pending()
    archiver = rig.start("archiver")
    wait_for(lambda: not archive.lifecycle.pending(), FINISH_SECONDS, "the archiver finishes the deletions")
    assert archiver.stop() == 0
    rig.services.remove(archiver)
    assert list(archive.verify(grace_seconds=0)) == []
    rig.run("verify")
