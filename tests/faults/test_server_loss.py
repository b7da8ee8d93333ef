"""Scenarios 10, 30 and 43: a server that is unavailable, loses its data, or is restored from an old backup."""

import shutil
import threading
from pathlib import Path

import pytest

from captiond.workqueue.streams.keys import GROUP
from tests.faults.rig import KEYS, Rig

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]
OUTAGES_SECONDS = [1.0] * 12 + [10.0] * 2 + [60.0]
CYCLE_UPLOADS = 50
AFTER = 100
RESTORED = 500


def test_workers_survive_server_outages(rig: Rig) -> None:
    rig.start_all()
    first = [service.pid for service in rig.services]
    slowest = 0.0

    for seconds in OUTAGES_SECONDS:
        rig.server.kill()
        threading.Event().wait(seconds)  # the duration of the outage is part of the scenario
        rig.server.start()
        rig.faults += 1
        rig.mark_recovery_start()
        rig.load.send(CYCLE_UPLOADS)
        slowest = max(slowest, rig.drain())

    assert [service.pid for service in rig.services] == first
    result = rig.finish("10", "server unavailable, 15 times", remark=f"slowest recovery {slowest:.1f} s")
    assert result.accepted == CYCLE_UPLOADS * len(OUTAGES_SECONDS)


@pytest.mark.parametrize("how", ["FLUSHALL", "DEL"])
def test_workers_recreate_groups_after_data_loss(rig: Rig, how: str) -> None:
    rig.start_all()
    rig.load.send(20)
    rig.drain()

    with rig.client as client:
        if how == "FLUSHALL":
            client.flushall()
        else:
            client.delete(*(KEYS.stream(queue) for queue in ("uploads", "captioned")))
    rig.faults += 1
    rig.mark_recovery_start()
    rig.load.send(AFTER)

    result = rig.finish("30", f"{how} under idle workers", forgot=True)
    assert result.accepted == AFTER + 20
    with rig.client as client:
        groups = client.xinfo_groups(KEYS.stream("uploads"))
    assert [group["name"] for group in groups] == [GROUP.encode()]


def test_restored_backup_stores_no_image_twice(rig: Rig, tmp_path: Path) -> None:
    rig.start("api")
    rig.await_ready()
    rig.load.send(RESTORED)
    with rig.client as client:
        folder = Path(client.config_get("dir")["dir"])
    rig.server.stop()
    backup = shutil.copytree(folder, tmp_path / "backup", ignore=shutil.ignore_patterns("*.log", "*.sock"))
    rig.server.start()
    rig.start("captioner")
    rig.start("archiver")
    rig.drain()

    rig.server.kill()
    shutil.copytree(backup, folder, dirs_exist_ok=True)
    rig.server.start()
    rig.faults += 1
    rig.mark_recovery_start()

    result = rig.finish("43", "log restored from a backup", forgot=True)
    assert result.accepted == RESTORED
