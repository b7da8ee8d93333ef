import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.e2e.product import COMMANDS, Place, assert_captioned, free_port, is_ready, photo, wait_until
from tests.e2e.up.running import Process, Up, is_running, up

PHOTO = photo(64, 48)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack that no test ends, below a path that is too long for a socket."""
    folder = tmp_path_factory.mktemp("up")
    (folder / "here").mkdir()
    data_dir = folder / ("long " * 40) / "д" / "data"
    assert len(os.fsencode(data_dir)) > 200
    with up(Place(folder / "here"), data_dir) as stack:
        stack.start(captioners=2)
        yield stack
    COMMANDS.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Up]:
    """A stack that the test starts and ends."""
    with up(Place(tmp_path), tmp_path / "data") as stack:
        yield stack


def all_end(processes: list[Process]) -> bool:
    return not any(is_running(process) for process in processes)


def test_it_says_where_it_runs_once_it_does(running: Up) -> None:
    assert f"http://127.0.0.1:{running.port} " in running.said
    assert f"export CAPTIOND_CONFIG={running.data_dir}/captiond.yaml" in running.said
    assert running.client.get("/health/live").status_code == 200


def test_every_service_is_a_process_that_can_be_told_by_its_command_line(running: Up) -> None:
    services = sorted(process.service for process in running.children())

    assert services == ["api", "archiver", "captioner", "captioner", "valkey"]


def test_an_image_goes_all_the_way(running: Up) -> None:
    original = photo()

    image_id = running.send(original, "Привет")

    running.await_status(image_id, "stored")
    assert_captioned(running.client.get(f"/api/images/{image_id}").content, original)


def test_other_commands_find_it(running: Up) -> None:
    queues, doctor, verify = (running.others.run(command) for command in ("queues", "doctor", "verify"))

    assert (queues.status, doctor.status, verify.status) == (0, 0, 0), doctor.stdout
    assert re.search(r"uploads .* 2 [│┃]\n", queues.stdout)


def test_all_that_is_written_lies_in_the_data_directory(running: Up) -> None:
    logs = {path.name for path in (running.data_dir / "log").iterdir() if path.suffix == ".log"}

    assert {"api.log", "captioner.log", "archiver.log", "up.log", "valkey.log"} >= logs >= {"api.log", "valkey.log"}
    assert (running.data_dir / "captiond.db").is_file()
    assert list((running.data_dir / "valkey").rglob("*.aof"))
    assert {path.name for path in running.place.folder.iterdir()} <= {"stdout", "stderr"}


@pytest.mark.parametrize("service", ["api", "captioner", "archiver", "valkey"])
def test_a_child_that_is_killed_is_started_again(running: Up, service: str) -> None:
    victims = running.children(service)
    before = running.send(PHOTO, "before") if service == "valkey" else ""

    victims[0].signal(signal.SIGKILL)

    wait_until(
        lambda: victims[0] not in running.children(service) and len(running.children(service)) == len(victims),
        30,
        f"another {service} runs",
    )
    wait_until(lambda: is_ready(running.client), 60, "all is well again")
    for image_id in filter(None, (before, running.send(PHOTO, "after"))):
        running.await_status(image_id, "stored")


@pytest.mark.parametrize("same_port", [True, False])
def test_a_second_one_on_the_same_data_is_refused(running: Up, *, same_port: bool) -> None:
    port = running.port if same_port else free_port()
    second = running.place.run("up", "--data-dir", str(running.data_dir), "--port", str(port))

    assert (second.status, second.stdout) == (2, "")
    assert f"captiond is running on {running.data_dir} already" in second.problem


def test_a_used_port_is_refused_before_anything_starts(running: Up, tmp_path: Path) -> None:
    second = running.place.run("up", "--data-dir", str(tmp_path / "data"), "--port", str(running.port))

    assert (second.status, second.stdout) == (2, "")
    assert second.problem == f"cannot listen on 127.0.0.1 port {running.port}: Address already in use"
    assert not (tmp_path / "data" / "valkey").exists()  # only the lock and the log of the try


def test_sigterm_and_ctrl_c_end_all_in_good_order_and_the_data_are_there_again(own: Up) -> None:
    own.start()
    first = own.send(PHOTO, "first")
    own.await_status(first, "stored")
    children = own.children()

    assert own.end(signal.SIGTERM) == 0

    assert all_end(children)
    assert not (own.data_dir / "captiond.yaml").exists()
    own.start()
    assert own.status(first) == "stored"
    assert own.client.get(f"/api/images/{first}").status_code == 200
    children = own.children()
    assert own.end(signal.SIGINT) == 0
    assert all_end(children)


def test_a_supervisor_that_is_killed_leaves_no_process_and_loses_no_image(own: Up) -> None:
    own.start()
    own.await_status(own.send(PHOTO, "all services work"), "stored")
    [captioner] = own.children("captioner")
    children = own.children()
    captioner.signal(signal.SIGSTOP)
    await_no_reader(own)
    queued = [own.send(PHOTO, f"queued {number}") for number in range(5)]
    assert {own.status(image_id) for image_id in queued} == {"queued"}

    assert own.end(signal.SIGKILL) == -signal.SIGKILL
    captioner.signal(signal.SIGKILL)

    wait_until(lambda: all_end(children), 40, "no process is left")
    own.start()
    for image_id in queued:
        own.await_status(image_id, "stored")
    assert own.others.run("verify").status == 0
    assert own.others.run("dead", "list").stdout == "no dead letters\n"


def await_no_reader(own: Up) -> None:
    """Wait until the stopped captioner's last read has run out, so that no image is handed to it."""
    with redis.Redis(unix_socket_path=str(own.data_dir / "valkey" / "valkey.sock"), protocol=2) as client:

        def has_run_out() -> bool:
            readers = [entry for entry in client.client_list() if entry["cmd"] == "xreadgroup"]
            return any("b" not in reader["flags"] and int(reader["idle"]) > 2 for reader in readers)

        wait_until(has_run_out, 30, "a reader is idle for longer than any read takes")
