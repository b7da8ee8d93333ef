"""Commands and services refuse queues, a database and images of different deployments."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from captiond.archive import Archive, migrate
from captiond.operations.deployment import claim_deployment
from captiond.operations.reconcile import adopt_queue
from captiond.workqueue import Broker
from captiond.workqueue.streams.keys import Keys
from tests.e2e.product import STOP_SECONDS, Place, place, wait_until
from tests.integration.api.serving import jpeg, record
from tests.integration.ftp.receiver import PASSWORD
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer


def start_once(where: Place) -> None:
    """Leave what the first start of the archiver leaves."""
    settings = where.settings
    migrate(settings["database_url"])
    with (
        Broker(settings["redis_url"]) as broker,
        Archive.open(settings["database_url"], Path(settings["images_dir"])) as archive,
    ):
        claim_deployment(broker.monitor, archive)
        archive.store([record(jpeg(), "x")])
        adopt_queue(broker.monitor, archive)  # the image passed no queue


@pytest.fixture
def ours(here: Place) -> Place:
    start_once(here)
    return here


@pytest.fixture
def theirs(valkey: RedisServer, tmp_path: Path) -> Place:
    """Another deployment, with queues of the same server."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    with Redis.from_url(f"{valkey.url}?db=2") as client:
        client.flushdb()
    where = place(folder, f"{valkey.url}?db=2", f"sqlite:///{folder}/captiond.db")
    start_once(where)
    return where


def deployment_of_queues(where: Place) -> bytes | None:
    with Redis.from_url(where.settings["redis_url"]) as client:
        found = client.get(Keys().deployment)
    assert found is None or isinstance(found, bytes)
    return found


@pytest.mark.parametrize(
    "command", ["queues", "verify", "dead list", "api", "archiver", "ftp", "notifier", "dead drop --all --yes"]
)
def test_queues_of_another_deployment_are_refused(ours: Place, theirs: Place, command: str) -> None:
    mixed = ours.but(redis_url=theirs.settings["redis_url"], ftp_password=PASSWORD)

    done = mixed.run(*command.split(), *(["--port", str(free_port())] if command in {"api", "ftp"} else []))

    assert done.status == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("captiond: Redis belongs to another deployment: its queues are those of deployment ")
    assert "set CAPTIOND_REDIS_URL or CAPTIOND_DATABASE_URL" in last
    assert "If they belong together, run `captiond migrate --adopt`" in last
    assert deployment_of_queues(ours) != deployment_of_queues(theirs)


@pytest.mark.parametrize("command", ["queues", "verify", "api", "archiver", "restore {id} -o x.jpg"])
def test_images_of_another_deployment_are_refused(ours: Place, theirs: Place, command: str) -> None:
    mixed = ours.but(images_dir=theirs.settings["images_dir"])
    image_id = "00000000-0000-4000-8000-000000000000"

    done = mixed.run(*command.format(id=image_id).split(), *(["--port", str(free_port())] if command == "api" else []))

    assert done.status == 2
    last = done.stderr.splitlines()[-1]
    assert f"images directory: {theirs.settings['images_dir']} belongs to deployment " in last
    assert "CAPTIOND_IMAGES_DIR or CAPTIOND_DATABASE_URL" in last


def test_doctor_names_both_mixtures(ours: Place, theirs: Place) -> None:
    mixed = ours.but(database_url=theirs.settings["database_url"])

    done = mixed.run("doctor")

    assert done.status == 1
    assert "error    archive: the archive is unavailable: images directory: " in done.stdout
    assert "error    deployment: Redis belongs to another deployment: " in done.stdout


def test_migrate_adopts_what_belongs_together(ours: Place, theirs: Place) -> None:
    mixed = ours.but(database_url=theirs.settings["database_url"])

    assert mixed.run("migrate", "--adopt").status == 0

    assert mixed.run("doctor").status == 0
    assert ours.run("queues").status == 2


def test_queues_without_an_id_are_accepted(ours: Place) -> None:
    """As those of an earlier version, before the archiver starts."""
    with Redis.from_url(ours.settings["redis_url"]) as client:
        client.delete(Keys().deployment)
    (Path(ours.settings["images_dir"]) / ".captiond-deployment").unlink()

    assert ours.run("queues").status == 0
    assert deployment_of_queues(ours) is None


@pytest.fixture
def archiver(ours: Place) -> Iterator[subprocess.Popen[bytes]]:
    """An archiver whose disk is not mounted at the start."""
    images = Path(ours.settings["images_dir"])
    images.rename(images.with_name("disk"))
    images.mkdir()
    process = ours.start("archiver")
    yield process
    process.terminate()
    process.wait(STOP_SECONDS)


def test_archiver_waits_for_the_disk_of_the_images(ours: Place, archiver: subprocess.Popen[bytes]) -> None:
    images, heartbeat = Path(ours.settings["images_dir"]), Path(ours.settings["run_dir"]) / "archiver.alive"

    wait_until(lambda: heartbeat.exists() and "mount its disk" in heartbeat.read_text(), 30, "the archiver reports it")

    assert list(images.iterdir()) == []
    images.rmdir()
    images.with_name("disk").rename(images)
    wait_until(lambda: heartbeat.read_text() == "healthy", 60, "the archiver runs")
    assert archiver.poll() is None
