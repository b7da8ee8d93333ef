"""A mistake that a person can mend is one line on stderr and exit status 2."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.e2e.product import Done, Place, free_port, place
from tests.servers.queues import RedisServer

WRONG = {"font_size": "big", "durability": "perhaps"}
AWAY = {"redis_url": "redis://127.0.0.1:1/0"}
NO_URL = {"redis_url": "127.0.0.1:6379"}
NO_DATABASE = {"database_url": "oracle://somewhere"}
NO_FONT = {"font_name": "No Such Font"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A command, settings that are wrong for it, and how the problem begins."""

    args: str
    problem: str
    settings: dict[str, str] = field(default_factory=dict)


MISTAKES = {
    "captioner without its font": Mistake("captioner", "no font named 'No Such Font'; ", NO_FONT),
    "up without its font": Mistake("up", "no font named 'No Such Font'; ", NO_FONT),
    "api with wrong settings": Mistake("api", "CAPTIOND_FONT_SIZE: ", WRONG),
    "queues with wrong settings": Mistake("queues", "CAPTIOND_FONT_SIZE: ", WRONG),
    "migrate without its file": Mistake("migrate", "CAPTIOND_CONFIG names none.yaml, ", {"config": "none.yaml"}),
    "api with a wrong Redis URL": Mistake("api --port {free}", "CAPTIOND_REDIS_URL: ", NO_URL),
    "captioner with a wrong Redis URL": Mistake("captioner", "CAPTIOND_REDIS_URL: ", NO_URL),
    "queues with a wrong Redis URL": Mistake("queues", "CAPTIOND_REDIS_URL: ", NO_URL),
    "archiver with a wrong database URL": Mistake("archiver", "CAPTIOND_DATABASE_URL: ", NO_DATABASE),
    "verify with a wrong database URL": Mistake("verify", "CAPTIOND_DATABASE_URL: ", NO_DATABASE),
    "migrate with a wrong database URL": Mistake("migrate", "CAPTIOND_DATABASE_URL: ", NO_DATABASE),
    "queues without Redis": Mistake("queues", "Redis is not available: ", AWAY),
    "dead letters without Redis": Mistake("dead retry --all", "Redis is not available: ", AWAY),
    "verify without its database": Mistake(
        "verify",
        "the archive is unavailable: database: ",
        {"database_url": "mariadb+pymysql://nobody@127.0.0.1:1/none"},
    ),
    "verify without a schema": Mistake("verify", "the archive is unavailable: database: "),
    "api on a port in use": Mistake(
        "api --port {used}", "cannot listen on 127.0.0.1 port {used}: Address already in use"
    ),
    "captioner without a place to log": Mistake("captioner", "CAPTIOND_LOG_DIR: ", {"log_dir": "a-file/log"}),
    "archiver without a place for images": Mistake(
        "archiver", "the archive is unavailable: images directory: ", {"images_dir": "a-file/images"}
    ),
    "up without a place for data": Mistake("up --data-dir a-file/data", "--data-dir: "),
    "api on a Redis that loses its last second": Mistake(
        "api --port {free}", "CAPTIOND_REDIS_URL: appendfsync is everysec"
    ),
    "dead retry of nothing": Mistake("dead retry", "name one ID, or --all"),
    "dead drop of one and all": Mistake("dead drop uploads/1-1 --all", "name one ID, or --all"),
    "send without a description": Mistake("send a.jpg", "give FILE… with --description TEXT, or --captions FILE.csv"),
}


@pytest.fixture(scope="module")
def used_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def made(valkey: RedisServer, used_port: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """What came of each."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "a-file").touch()
    here = place(folder, valkey.url, f"sqlite:///{folder}/captiond.db")
    client = valkey.client()
    client.config_set("appendfsync", "everysec")

    def make(mistake: Mistake) -> Done:
        return here.but(**mistake.settings).run(*mistake.args.format(free=free_port(), used=used_port).split())

    done = {name: make(mistake) for name, mistake in MISTAKES.items()}
    client.config_set("appendfsync", "always")
    return done


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(made: dict[str, Done], used_port: int, name: str) -> None:
    assert made[name].status == 2
    assert made[name].problem.startswith(MISTAKES[name].problem.format(used=used_port))
    assert made[name].stdout == ""


def test_every_wrong_setting_is_named_at_once(made: dict[str, Done]) -> None:
    assert "CAPTIOND_DURABILITY: " in made["api with wrong settings"].problem


def test_an_unknown_command_or_option_is_status_2(here: Place) -> None:
    assert here.run("sned").status == 2
    assert here.run("queues", "--all").status == 2
