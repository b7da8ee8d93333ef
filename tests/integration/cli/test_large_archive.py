"""An archive is sealed, pruned, exported, backed up, restored and verified, as an operator does it.

`CAPTIOND_TEST_IMAGES=100000` sets the number of images.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from captiond.archive import Archive
from tests.contract.archive.making import replace_image
from tests.e2e.product import VERIFIED, Pipeline, Place, place, running_pipeline
from tests.integration.api.serving import jpeg, record
from tests.integration.cli.test_export import check_sums
from tests.servers.queues import running_valkey

IMAGES = int(os.environ.get("CAPTIOND_TEST_IMAGES", "300"))
HELD = 10
DAYS = 100
RETAINED_DAYS = 50
BATCH = 500


@pytest.fixture
def own_pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with running_valkey() as server:
        where = place(tmp_path, server.url, f"sqlite:///{tmp_path}/captiond.db")
        signing = where.but(signing_keys=str(tmp_path / "signing-keys.json"))
        assert signing.run("signing-key", "create").status == 0
        with running_pipeline(signing) as running:
            yield running


def fill(where: Place) -> list[UUID]:
    """Archive images of the last `DAYS` days. Returns their ids, the oldest first."""
    oldest, content = datetime.now(UTC) - timedelta(days=DAYS), jpeg()
    step = timedelta(days=DAYS) / IMAGES
    made = [
        replace_image(record(content, f"image {number}"), id=uuid4(), received_at=oldest + number * step)
        for number in range(IMAGES)
    ]
    with Archive.open(where.settings["database_url"], Path(where.settings["images_dir"])) as archive:
        for start in range(0, IMAGES, BATCH):
            archive.store(made[start : start + BATCH])
    assert where.run("queues", "--accept").status == 0
    return [each.image.id for each in made]


def restore(where: Place, folder: Path) -> Place:
    """Back up database and files, in this order, to another folder. Returns the place of the copy."""
    folder.mkdir()
    with sqlite3.connect(where.folder / "captiond.db") as source, sqlite3.connect(folder / "captiond.db") as target:
        source.backup(target)
    source.close()
    target.close()
    shutil.copytree(where.settings["images_dir"], folder / "images")
    return where.but(database_url=f"sqlite:///{folder}/captiond.db", images_dir=str(folder / "images"))


@pytest.mark.timeout(3600)
def test_archive_is_sealed_pruned_exported_restored_and_verified(own_pipeline: Pipeline, tmp_path: Path) -> None:
    where = own_pipeline.place
    ids = fill(where)
    held = [str(id_) for id_ in ids[:HELD]]
    expired = IMAGES * (DAYS - RETAINED_DAYS) // DAYS

    assert where.run("seal").stdout.startswith(f"seal 1: {min(IMAGES, 4096)} records")
    assert where.run("hold", *held, "--reason", "case 7").status == 0
    pruned = where.run("prune", "--older-than", f"{RETAINED_DAYS}d")
    assert pruned.stdout.startswith("deleted ")
    deleted = int(pruned.stdout.split()[1])
    assert expired - HELD <= deleted <= expired - HELD + IMAGES // DAYS + 1  # time passes meanwhile
    assert where.run("seal").status == 0

    exported = where.run("export", "-o", str(tmp_path / "exported"), "--url", own_pipeline.url, "--proofs")
    assert exported.stdout.startswith(f"{IMAGES - deleted} images exported")
    assert check_sums(tmp_path / "exported") == 2 * (IMAGES - deleted) + len(
        ["index.csv", "seals.json", "jwks.json"]
    ) + len([*(tmp_path / "exported").glob("*.html")])
    checked = where.run("verify", "--export", str(tmp_path / "exported"))
    assert (checked.status, checked.stdout.splitlines()[-1]) == (0, "export: ok")
    assert f"{IMAGES - deleted} proofs, " in checked.stdout
    assert all(own_pipeline.client.get(f"/api/images/{id_}").status_code == 200 for id_ in held)

    for verified in (where.run("verify"), restore(where, tmp_path / "backup").run("verify")):
        assert (verified.status, verified.stdout) == (0, VERIFIED)
