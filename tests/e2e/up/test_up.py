import os
import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.e2e.product import Place, assert_captioned, is_ready, photo, wait_until
from tests.e2e.up.stack import Process, Up, is_running, up
from tests.servers.ports import free_port

PHOTO = photo(64, 48)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack that tests do not stop. Its path is too long for a socket and has special characters."""
    folder = tmp_path_factory.mktemp("up")
    (folder / "here").mkdir()
    data_dir = folder / ("long " * 40) / "д" / "a#b?timeout=1%20 'c' \"d\" \\e" / "data"
    assert len(os.fsencode(data_dir)) > 200
    with up(Place(folder / "here"), data_dir) as stack:
        stack.start(captioners=2)
        yield stack


@pytest.fixture
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Up]:
    """A stack that one test starts and stops. The parameter is its path."""
    with up(Place(tmp_path), tmp_path / getattr(request, "param", "data")) as stack:
        yield stack


def have_exited(processes: list[Process]) -> bool:
    return not any(is_running(process) for process in processes)


def test_up_prints_its_address_when_ready(running: Up) -> None:
    assert f"http://127.0.0.1:{running.port}\n" in running.stdout
    quoted = shlex.quote(str(running.data_dir / "captiond.yaml"))
    assert f"For other commands:\n  export CAPTIOND_CONFIG={quoted}" in running.stdout
    assert running.client.get("/health/live").status_code == 200


def test_stderr_of_a_healthy_stack_is_empty(running: Up) -> None:
    running.await_status(running.send(PHOTO, "x"), "stored")

    assert (running.place.folder / "stderr").read_text() == ""


def test_each_service_is_a_process_named_by_its_command_line(running: Up) -> None:
    services = sorted(process.service for process in running.children())

    assert services == ["api", "archiver", "captioner", "captioner", "notifier", "valkey"]


def test_uploaded_image_is_archived(running: Up) -> None:
    original = photo()

    image_id = running.send(original, "Привет")

    running.await_status(image_id, "stored")
    assert_captioned(running.client.get(f"/api/images/{image_id}").content, original)


def test_other_commands_use_the_settings_of_the_stack(running: Up) -> None:
    queues, doctor, verify = (running.configured.run(command) for command in ("queues", "doctor", "verify"))

    assert (queues.status, doctor.status, verify.status) == (0, 0, 0), doctor.stdout
    assert re.search(r"consumers +2 ", queues.stdout)


def test_all_files_are_in_the_data_directory(running: Up) -> None:
    logs = {path.name for path in (running.data_dir / "log").iterdir() if path.suffix == ".log"}

    assert logs <= {"api.log", "audit.log", "captioner.log", "archiver.log", "notifier.log", "up.log", "valkey.log"}
    assert logs >= {"api.log", "valkey.log"}
    assert (running.data_dir / "captiond.db").is_file()
    assert list((running.data_dir / "valkey").rglob("*.aof"))
    assert {path.name for path in running.place.folder.iterdir()} <= {"stdout", "stderr"}


@pytest.mark.parametrize("service", ["api", "captioner", "archiver", "notifier", "valkey"])
def test_killed_child_is_restarted(running: Up, service: str) -> None:
    victims = running.children(service)
    before = running.send(PHOTO, "before") if service == "valkey" else ""

    victims[0].signal(signal.SIGKILL)

    wait_until(
        lambda: victims[0] not in running.children(service) and len(running.children(service)) == len(victims),
        30,
        f"a new {service} runs",
    )
    wait_until(lambda: is_ready(running.client), 60, "the API is ready")
    for image_id in filter(None, (before, running.send(PHOTO, "after"))):
        running.await_status(image_id, "stored")


@pytest.mark.parametrize("same_port", [True, False])
def test_second_stack_on_the_same_data_directory_exits_with_2(running: Up, *, same_port: bool) -> None:
    port = running.port if same_port else free_port()
    second = running.place.run("up", "--data-dir", str(running.data_dir), "--port", str(port))

    assert (second.status, second.stdout) == (2, "")
    assert f"captiond is already running on {running.data_dir}" in second.problem


def test_port_in_use_is_reported_before_anything_starts(running: Up, tmp_path: Path) -> None:
    second = running.place.run("up", "--data-dir", str(tmp_path / "data"), "--port", str(running.port))

    assert (second.status, second.stdout) == (2, "")
    assert second.problem == f"cannot listen on 127.0.0.1 port {running.port}: Address already in use"
    assert not (tmp_path / "data" / "valkey").exists()  # only the lock file and a log file


@pytest.mark.parametrize("own", ["a\nb/data"], indirect=True, ids=["line break in the path"])
def test_sigterm_and_sigint_stop_all_processes_and_a_restart_finds_the_data(own: Up) -> None:
    own.start()
    first = own.send(PHOTO, "first")
    own.await_status(first, "stored")
    children = own.children()

    assert own.stop(signal.SIGTERM) == 0

    assert have_exited(children)
    assert not (own.data_dir / "captiond.yaml").exists()
    own.start()
    assert own.status(first) == "stored"
    assert own.configured.run("doctor").status == 0
    assert own.client.get(f"/api/images/{first}").status_code == 200
    children = own.children()
    assert own.stop(signal.SIGINT) == 0
    assert have_exited(children)


def test_killed_supervisor_leaves_no_process_and_loses_no_image(own: Up) -> None:
    own.start()
    own.await_status(own.send(PHOTO, "before the kill"), "stored")
    [captioner] = own.children("captioner")
    children = own.children()
    captioner.signal(signal.SIGSTOP)
    wait_until_no_reader(own)
    queued = [own.send(PHOTO, f"queued {number}") for number in range(5)]
    assert {own.status(image_id) for image_id in queued} == {"queued"}

    assert own.stop(signal.SIGKILL) == -signal.SIGKILL
    assert (own.data_dir / "captiond.yaml").exists()  # test_settings.py: other commands ignore it
    captioner.signal(signal.SIGKILL)

    wait_until(lambda: have_exited(children), 40, "all processes have exited")
    own.start()
    for image_id in queued:
        own.await_status(image_id, "stored")
    assert own.configured.run("verify").status == 0
    assert own.configured.run("dead", "list").stdout == "no dead letters\n"


def wait_until_no_reader(own: Up) -> None:
    """Wait until the stopped captioner's blocking read has expired, so that Redis delivers no image to it."""
    with redis.Redis(unix_socket_path=str(own.data_dir / "valkey" / "valkey.sock"), protocol=2) as client:

        def has_expired() -> bool:
            readers = [entry for entry in client.client_list() if entry["cmd"] == "xreadgroup"]
            return any("b" not in reader["flags"] and int(reader["idle"]) > 2 for reader in readers)

        wait_until(has_expired, 30, "a reader is idle for longer than a blocking read")


def test_rejected_configuration_of_a_child_stops_the_stack(tmp_path: Path) -> None:
    with up(Place(tmp_path, {"durability": "ha"}), tmp_path / "data") as stack:
        rejected = stack.place.run("up", "--data-dir", str(stack.data_dir), "--port", str(stack.port))

    assert rejected.status == 2
    first, last = rejected.stderr.splitlines()
    assert first.startswith("captiond: CAPTIOND_REDIS_URL: 0 of 1 replicas are connected; ")
    assert last == "captiond: api rejected its configuration; its error is above"
