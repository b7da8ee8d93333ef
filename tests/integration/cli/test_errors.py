"""Usage and configuration errors print one line to stderr; the exit status is 2."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version

import pytest

from tests.e2e.product import Done, Place, place
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

INVALID = {"font_size": "big", "durability": "perhaps"}
UNREACHABLE = {"redis_url": "redis://127.0.0.1:1/0"}
INVALID_URL = {"redis_url": "127.0.0.1:6379"}
UNKNOWN_DATABASE = {"database_url": "oracle://somewhere"}
UNKNOWN_FONT = {"font_name": "No Such Font"}
UNKNOWN_FONT_ERROR = "CAPTIOND_FONT_NAME: no font named 'No Such Font'; installed families: "


@dataclass(frozen=True, slots=True)
class Case:
    """A command, its invalid settings, and the start of the error message."""

    args: str
    message: str
    settings: dict[str, str] = field(default_factory=dict)


CASES = {
    "captioner with an unknown font": Case("captioner", UNKNOWN_FONT_ERROR, UNKNOWN_FONT),
    "up with an unknown font": Case("up", UNKNOWN_FONT_ERROR, UNKNOWN_FONT),
    "api with invalid settings": Case("api", "CAPTIOND_FONT_SIZE: ", INVALID),
    "queues with invalid settings": Case("queues", "CAPTIOND_FONT_SIZE: ", INVALID),
    "migrate with a missing config file": Case(
        "migrate", "CAPTIOND_CONFIG: no such file: none.yaml", {"config": "none.yaml"}
    ),
    "api with an invalid Redis URL": Case("api --port {free}", "CAPTIOND_REDIS_URL: ", INVALID_URL),
    "captioner with an invalid Redis URL": Case("captioner", "CAPTIOND_REDIS_URL: ", INVALID_URL),
    "queues with an invalid Redis URL": Case("queues", "CAPTIOND_REDIS_URL: ", INVALID_URL),
    "archiver with an invalid database URL": Case("archiver", "CAPTIOND_DATABASE_URL: ", UNKNOWN_DATABASE),
    "verify with an invalid database URL": Case("verify", "CAPTIOND_DATABASE_URL: ", UNKNOWN_DATABASE),
    "migrate with an invalid database URL": Case("migrate", "CAPTIOND_DATABASE_URL: ", UNKNOWN_DATABASE),
    "migrate with a database URL without a path": Case(
        "migrate",
        "CAPTIOND_DATABASE_URL: invalid database URL: no path; use sqlite:///",
        {"database_url": "sqlite:///"},
    ),
    "archiver with a misspelt option": Case(
        "archiver", "CAPTIOND_DATABASE_URL: unknown option 'time_out'", {"database_url": "sqlite:///a.db?time_out=5"}
    ),
    "api with an invalid option": Case(
        "api --port {free}",
        "CAPTIOND_DATABASE_URL: invalid database URL: ",
        {"database_url": "mariadb://host/db?connect_timeout=soon"},
    ),
    "queues without Redis": Case("queues", "Redis ", UNREACHABLE),
    "dead letters without Redis": Case("dead retry --all", "Redis ", UNREACHABLE),
    "verify without a database": Case(
        "verify",
        "the archive is unavailable: database: ",
        {"database_url": "mariadb+pymysql://nobody@127.0.0.1:1/none"},
    ),
    "verify without a schema": Case("verify", "the archive is unavailable: database: "),
    "api on a port in use": Case("api --port {used}", "cannot listen on 127.0.0.1 port {used}: Address already in use"),
    "captioner with an unwritable log directory": Case("captioner", "CAPTIOND_LOG_DIR: ", {"log_dir": "a-file/log"}),
    "archiver with an unwritable images directory": Case(
        "archiver", "the archive is unavailable: images directory: ", {"images_dir": "a-file/images"}
    ),
    "up with an unwritable data directory": Case("up --data-dir a-file/data", "--data-dir: "),
    "api on a Redis without fsync": Case("api --port {free}", "CAPTIOND_REDIS_URL: appendfsync is everysec"),
    "dead retry without an ID": Case("dead retry", "give either an ID, or --all or --reason TEXT"),
    "dead drop of an ID and --all": Case("dead drop uploads/1-1 --all", "give either an ID, or --all or --reason TEXT"),
    "doctor with an unknown role": Case(
        "doctor --role gate", "Invalid value for '--role': 'gate' is not one of 'all', 'api'"
    ),
    "api with an unknown host": Case("api --host 300.1.1.1 --port {free}", "cannot listen on 300.1.1.1 port "),
    "list without a server": Case("list --url http://127.0.0.1:1", "http://127.0.0.1:1 is unreachable: "),
    "verify of a receipt and an export": Case("verify --receipt a --export b", "give either --receipt or --export"),
    "verify --fix of an export": Case("verify --fix --export b", "--fix and --backup concern the archive; "),
    "verify of a missing receipt": Case("verify --receipt none --jwks none", "cannot read none: No such file or dir"),
    "verify of a ZIP archive": Case("verify --export a-file", "--export: a-file is not a directory; extract a ZIP"),
    "send without a description": Case(
        "send a.jpg", "give either PATH… and --description TEXT, or --captions FILE.csv"
    ),
}


@pytest.fixture(scope="module")
def used_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def results(valkey: RedisServer, used_port: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """The result of each case."""
    folder = tmp_path_factory.mktemp("errors")
    (folder / "a-file").touch()
    here = place(folder, f"{valkey.url}?db=7", f"sqlite:///{folder}/captiond.db")
    client = valkey.client()
    client.config_set("appendfsync", "everysec")

    def run(case: Case) -> Done:
        return here.but(**case.settings).run(*case.args.format(free=free_port(), used=used_port).split())

    done = {name: run(case) for name, case in CASES.items()}
    client.config_set("appendfsync", "always")
    return done


@pytest.mark.parametrize("name", CASES)
def test_configuration_error_prints_one_line_and_exits_with_2(
    results: dict[str, Done], used_port: int, name: str
) -> None:
    assert results[name].status == 2
    assert results[name].problem.startswith(CASES[name].message.format(used=used_port))
    assert results[name].stdout == ""


def test_addresses_are_shown_without_types_of_python(results: dict[str, Done]) -> None:
    assert "(" not in results["api with an unknown host"].problem
    assert results["list without a server"].problem.endswith("; start captiond there, or set --url or CAPTIOND_API_URL")


def test_all_invalid_settings_are_reported_together(results: dict[str, Done]) -> None:
    assert "CAPTIOND_DURABILITY: " in results["api with invalid settings"].problem


def test_usage_error_prints_one_line_and_exits_with_2(here: Place) -> None:
    command, option = here.run("sned"), here.run("queues", "--all")

    assert (command.status, command.problem) == (2, "No such command 'sned'. Did you mean 'send'? (see --help)")
    assert (option.status, option.problem) == (2, "No such option: --all (see --help)")


@pytest.mark.parametrize("group", ["", "dead"])
def test_no_command_prints_the_help_and_exits_with_2(here: Place, group: str) -> None:
    done = here.run(*group.split())

    assert (done.status, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Usage: captiond {group}".rstrip())
    assert "Commands:" in done.stderr


def test_help_fits_80_columns(here: Place) -> None:
    for command in ("", "up", "send", "queues", "dead retry", "restore", "verify", "doctor"):
        done = here.run(*command.split(), "--help")

        assert (done.status, done.stderr) == (0, "")
        assert max(map(len, done.stdout.splitlines())) <= 80
        assert not [line for line in done.stdout.splitlines()[1:] if line.endswith("...")]


def test_version_prints_the_installed_version(here: Place) -> None:
    done = here.run("--version")

    assert (done.status, done.stdout) == (0, f"captiond {version('captiond')}\n")
