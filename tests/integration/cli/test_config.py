"""`captiond config`, the sources of settings, and commands that must leave a folder as it is."""

import json
from pathlib import Path

import pytest

from tests.e2e.product import Place
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer


@pytest.fixture
def empty(tmp_path: Path) -> Place:
    """An empty folder without settings."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return Place(folder)


# A port for the API, and the description of the images to send.
OPTIONS = {"api": ["--port", str(free_port())], "send": ["x"]}


def stop_stack(place: Place, data_dir: str = "var") -> None:
    """Leave what a stopped `captiond up` leaves."""
    (place.folder / data_dir).mkdir()
    (place.folder / data_dir / "up.lock").touch()


def test_config_shows_each_value_with_its_source(empty: Place) -> None:
    (empty.folder / ".env").write_text("CAPTIOND_LOG_LEVEL=WARNING\n")

    done = empty.but(font_size="14").run("config")

    assert (done.status, done.stderr) == (0, "")
    assert set(done.stdout.splitlines()) >= {
        "CAPTIOND_FONT_SIZE=14  # environment",
        "CAPTIOND_FONT_NAME=  # default",
        f"CAPTIOND_LOG_LEVEL=WARNING  # {empty.folder}/.env",
        f"CAPTIOND_IMAGES_DIR={empty.folder}/var/images  # default",
        f"CAPTIOND_DATABASE_URL=sqlite:///{empty.folder}/var/captiond.db  # default",
    }


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_config_hides_passwords(empty: Place, options: list[str]) -> None:
    urls = {
        "redis_url": "rediss://me:ses@me@redis.internal:6379/0?password=sesame",
        "database_url": "postgresql+psycopg://me:sesame@database/captiond?sslpassword=sesame&connect_timeout=3",
        "api_url": "https://me:sesame@api.example",
        "api_key": "sesame",
    }

    done = empty.but(**urls).run("config", *options)

    assert done.status == 0
    assert "same" not in done.stdout
    assert "me@" not in done.stdout.replace("***@", "")
    assert "rediss://me:***@redis.internal:6379/0?password=***" in done.stdout
    assert "connect_timeout=3" in done.stdout


def test_lists_are_shown_as_they_are_set(empty: Place) -> None:
    done = empty.but(allowed_hosts="a.example,b.example").run("config")

    assert "CAPTIOND_ALLOWED_HOSTS=a.example,b.example  # environment" in done.stdout.splitlines()


def test_config_prints_json(empty: Place) -> None:
    stop_stack(empty)

    done = empty.but(check_damage="false").run("config", "--json")

    shown = json.loads(done.stdout)
    assert shown["settings"]["check_damage"] == {"value": False, "source": "environment"}
    assert shown["settings"]["font_name"] == {"value": None, "source": "default"}
    assert shown["settings"]["redis_url"]["source"].startswith("none: the stack of var is not running; ")
    assert shown["stack"] == {"data_dir": f"{empty.folder}/var", "running": False}


@pytest.mark.parametrize("command", ["queues", "dead list", "api", "captioner", "archiver", "send a.jpg --description"])
def test_command_refuses_the_defaults_while_the_stack_is_stopped(empty: Place, command: str) -> None:
    stop_stack(empty)
    (empty.folder / "a.jpg").touch()

    done = empty.run(*command.split(), *OPTIONS.get(command.split(maxsplit=1)[0], []))

    variable = "CAPTIOND_API_URL" if command.startswith("send") else "CAPTIOND_REDIS_URL"
    assert (done.status, done.stdout) == (2, "")
    last = done.stderr.splitlines()[-1]
    assert last == f"captiond: the stack of var is not running; start it or set {variable}"


def test_command_with_a_redis_url_needs_no_stack(empty: Place, valkey: RedisServer) -> None:
    stop_stack(empty)

    assert empty.but(redis_url=valkey.url).run("queues").status == 0


def test_stopped_stack_of_another_directory_is_named(empty: Place) -> None:
    stop_stack(empty, "elsewhere")

    done = empty.but(config="elsewhere/captiond.yaml").run("queues")

    assert done.problem == "the stack of elsewhere is not running; start it or set CAPTIOND_REDIS_URL"


def test_unknown_variable_is_reported_by_commands_and_breaks_nothing(empty: Place, valkey: RedisServer) -> None:
    (empty.folder / ".env").write_text("CAPTIOND_IMAGE_DIR=x\n")

    done = empty.but(redis_url=valkey.url, fontname="Arial", port="tcp://10.0.0.1:8000").run("queues")

    assert done.status == 0
    first, second, _ = done.stderr.splitlines()  # the last line is about the missing database
    assert first == "captiond: warning: CAPTIOND_FONTNAME: no such setting; did you mean CAPTIOND_FONT_NAME?"
    assert second.startswith(f"captiond: warning: {empty.folder}/.env: CAPTIOND_IMAGE_DIR: no such setting; ")


def test_unknown_variable_is_logged_by_services(empty: Place) -> None:
    stop_stack(empty)

    done = empty.but(fontname="Arial").run("captioner")

    first, _ = done.stderr.splitlines()
    assert " WARNING captioner@" in first
    assert first.endswith("CAPTIOND_FONTNAME: no such setting; did you mean CAPTIOND_FONT_NAME?")
    assert first in (empty.folder / "var/log/captioner.log").read_text()


def test_doctor_accepts_the_service_links_of_kubernetes(here: Place) -> None:
    here.run("migrate")

    linked = {"port": "tcp://10.0.0.1:8000", "service_host": "10.0.0.1", "port_8000_tcp_addr": "10.0.0.1"}

    assert here.but(**linked).run("doctor").status == 0


@pytest.mark.parametrize("command", ["doctor", "verify", "queues", "config", "dead list", "restore 00000000 -o x"])
def test_diagnostics_create_nothing(empty: Place, valkey: RedisServer, command: str) -> None:
    done = empty.but(redis_url=valkey.url, run_dir="run").run(*command.split())

    assert done.status in {0, 1, 2}
    assert list(empty.folder.iterdir()) == []


def test_verify_names_the_database_that_does_not_exist(empty: Place, valkey: RedisServer) -> None:
    done = empty.but(redis_url=valkey.url).run("verify")

    assert done.status == 2
    assert done.problem == (
        f"the archive is unavailable: database: {empty.folder}/var/captiond.db does not exist; "
        "run `captiond migrate` or start the archiver"
    )


def test_commands_use_the_data_of_the_stopped_stack_that_captiond_config_names(empty: Place) -> None:
    stop_stack(empty, "a stack#1")
    place = empty.but(config="a stack#1/captiond.yaml")

    assert place.run("migrate").status == 0

    assert (empty.folder / "a stack#1" / "captiond.db").exists()
    assert not (empty.folder / "var").exists()
    folder = empty.folder / "a stack#1"
    assert (
        f"CAPTIOND_IMAGES_DIR={folder}/images  # stopped stack of {folder}" in place.run("config").stdout.splitlines()
    )
    assert place.run("queues").problem == "the stack of a stack#1 is not running; start it or set CAPTIOND_REDIS_URL"
