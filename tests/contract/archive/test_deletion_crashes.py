"""A process that deletes images is killed at each step."""

import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from captiond.archive import Actor, Archive, PageQuery
from captiond.archive.records import original_path
from tests.contract.archive.making import files_below, make_record
from tests.contract.archive.test_faults import REPOSITORY
from tests.contract.archive.test_lifecycle import finish, with_original

HELD, DELETED = UUID(int=3), [UUID(int=number) for number in (0, 1, 2)]
# The step is a statement, `COMMIT`, or a suffix of the file that is deleted. The process dies right before it.
DELETE = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from captiond.archive import Actor, Archive
from tests.contract.archive.test_deletion_crashes import DELETED, HELD
from tests.contract.archive.test_lifecycle import finish

url, images_dir, step, times = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])

def reach(reached):
    global times
    if reached.startswith(step) or reached.endswith(step):
        times -= 1
        if times == 0:
            os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "before_cursor_execute", lambda c, cursor, statement, *rest: reach(statement))
event.listen(Engine, "commit", lambda connection: reach("COMMIT"))
with Archive.open(url, images_dir) as archive:
    sys.addaudithook(lambda name, arguments: reach(str(arguments[0])) if name == "os.remove" else None)
    archive.lifecycle.delete([*DELETED, HELD], Actor("killed"))
    finish(archive)
    reach("end")
"""


@pytest.mark.parametrize(
    ("step", "gone"),
    [
        (("INSERT INTO pending_deletions", "1"), []),
        (("DELETE FROM images", "1"), []),
        (("COMMIT", "1"), []),
        ((".jpg", "1"), DELETED),
        ((".original.jpg", "2"), DELETED),
        (("DELETE FROM pending_deletions", "1"), DELETED),
        (("COMMIT", "2"), DELETED),
        (("end", "1"), DELETED),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_kill_at_any_step_leaves_images_whole_or_deleted(
    archive: Archive, images_dir: Path, database_url: str, step: tuple[str, str], gone: list[UUID]
) -> None:
    records = [with_original(make_record("in the list", id_=id_)) for id_ in (*DELETED, HELD)]
    archive.store(records)
    archive.lifecycle.hold(HELD, Actor("anna"))

    command = [sys.executable, "-c", DELETE, database_url, str(images_dir), *step]
    died = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)

    assert died.returncode == -signal.SIGKILL, died.stderr
    whole = {HELD, *DELETED} - set(gone)
    # Clients see all of it or nothing, and `verify` finds nothing while the deletion may go on.
    assert {image.id for image in archive.page(PageQuery(limit=10, text="in the list"))} == whole
    assert archive.lifecycle.tombstones(DELETED).keys() == set(gone)
    assert [finding for finding in archive.verify(grace_seconds=60) if not finding.is_of_deleted_image] == []
    finish(archive)
    assert files_below(images_dir).keys() == {
        path for record in records if record.image.id in whole for path in (record.path, original_path(record.path))
    }
    assert archive.lifecycle.pending() == []
    assert list(archive.verify(grace_seconds=0)) == []
