"""`captiond up` uses every setting that is set, supplies the others, and other commands find its stack."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from tests.e2e.product import START_SECONDS, STOP_SECONDS, Place, photo, wait_until
from tests.e2e.up.stack import Up, up
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

REPOSITORY = Path(__file__).parents[3]
PHOTO = photo(64, 48)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    return Place(tmp_path)


def start(stack: Up) -> None:
    stack.start()
    stack.await_status(stack.send(PHOTO, "x"), "stored")


def archived(folder: Path) -> list[Path]:
    return list(folder.rglob("*.jpg"))


@pytest.mark.parametrize("running_redis_server", ["valkey"], indirect=True)
def test_servers_and_directories_that_are_set_are_used(
    place: Place, redis_server: RedisServer, postgresql_url: str
) -> None:
    directories = {name: f"elsewhere/{name}" for name in ("images_dir", "log_dir", "run_dir")}
    configured = place.but(redis_url=redis_server.url, database_url=postgresql_url, **directories)
    with up(configured, place.folder / "var") as stack:
        start(stack)

        assert {process.service for process in stack.children()} == {"api", "archiver", "captioner", "notifier"}
        assert len(archived(place.folder / "elsewhere/images_dir")) == 1
        assert (place.folder / "elsewhere/log_dir/archiver.log").exists()
        assert (place.folder / "elsewhere/run_dir").is_dir()
        unused = {"images", "log", "run", "valkey", "captiond.db"}
        assert {path.name for path in (place.folder / "var").iterdir()}.isdisjoint(unused)
        assert (stack.data_dir / "captiond.yaml").stat().st_mode & 0o077 == 0
        assert place.run("verify").status == 0


def test_commands_in_the_folder_of_a_running_stack_use_it(place: Place) -> None:
    with up(place, place.folder / "var") as stack:
        start(stack)

        sent = place.run("send", "photo.jpg", "--description", "x")
        shown = place.run("config").stdout

        assert sent.status == 0
        assert sent.stderr.startswith("1 file: 1 sent in ")
        assert f"CAPTIOND_API_URL=http://127.0.0.1:{stack.port}  # running stack of {place.folder}/var\n" in shown
        wait_until(lambda: len(archived(place.folder / "var/images")) == 2, START_SECONDS, "it is archived")
        assert stack.stop(signal.SIGTERM) == 0

    for command in (["queues"], ["dead", "list"], ["send", "photo.jpg", "--description", "x"]):
        assert place.run(*command).problem.startswith("the stack of var is not running; start it or set CAPTIOND_")
    verified = place.run("verify")
    assert (verified.status, verified.stdout) == (
        1,
        "archive: ok\nqueues: not checked: the stack of var is not running; start it or set CAPTIOND_REDIS_URL\n",
    )


def test_second_stack_does_not_use_the_settings_of_the_first(place: Place) -> None:
    with up(place, place.folder / "var") as first, up(place, place.folder / "other") as second:
        first.start()
        start(second)

        assert len(archived(place.folder / "other/images")) == 1
        assert archived(place.folder / "var") == []


def test_installation_of_an_earlier_version_is_adopted(place: Place) -> None:
    marker = place.folder / "var/images/.captiond-deployment"
    with up(place, place.folder / "var") as stack:
        start(stack)
        with Redis(unix_socket_path=str(place.folder / "var/valkey/valkey.sock"), protocol=2) as client:
            deployment = client.getdel("{captiond:0}:deployment")
        assert stack.stop(signal.SIGTERM) == 0
        marker.unlink()

        start(stack)

        assert isinstance(deployment, bytes)
        assert marker.read_text().strip() == deployment.decode()
        assert place.run("doctor").status == 0


def test_queues_of_another_database_stop_the_stack_until_they_are_adopted(place: Place) -> None:
    with up(place, place.folder / "var") as stack:
        start(stack)
        assert stack.stop(signal.SIGTERM) == 0
        for file in place.folder.glob("var/captiond.db*"):
            file.unlink()

        refused = place.run("up", "--data-dir", "var", "--port", str(stack.port), "--captioners", "1")

        assert refused.status == 2
        assert "belongs to deployment" in refused.stderr
        assert "captiond up --adopt" in refused.stderr
        stack.start(adopt=True)
        stack.await_status(stack.send(PHOTO, "y"), "stored")


def test_own_configuration_file_is_not_overwritten(place: Place) -> None:
    (place.folder / "var").mkdir()
    own = place.folder / "var/captiond.yaml"
    own.write_text("font_size: 14\n")

    done = place.but(config="var/captiond.yaml").run("up", "--port", str(free_port()))

    assert done.problem == f"CAPTIOND_CONFIG: captiond up writes {own} itself; rename your file"
    assert own.read_text() == "font_size: 14\n"


def test_make_up_uses_the_settings(place: Place) -> None:
    (place.folder / ".venv").symlink_to(sys.prefix)
    command = ["make", "-f", str(REPOSITORY / "Makefile"), "--old-file=install", "up", f"PORT={free_port()}"]
    output, images, logs = place.folder / "output", place.folder / "elsewhere/images", place.folder / "elsewhere/log"
    with output.open("wb") as stream:
        environment = place.but(images_dir=str(images), log_dir=str(logs)).environment
        process = subprocess.Popen(
            command, cwd=place.folder, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        wait_until(lambda: "running at" in output.read_text(), START_SECONDS, "the stack runs")
        assert place.run("send", "photo.jpg", "--description", "x").status == 0
        wait_until(lambda: len(archived(images)) == 1, START_SECONDS, "the image is archived")
        assert {"api.log", "archiver.log", "valkey.log"} <= {path.name for path in logs.iterdir()}
        assert {path.name for path in (place.folder / "var").iterdir()}.isdisjoint({"images", "log"})
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(STOP_SECONDS)
