"""Hung database servers, and many searches that match nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from benchmarks.growth.sample_rows import insert_rows
from sqlalchemy import NullPool, create_engine

from captiond.archive import migrate
from captiond.archive.sql.engine import open_engine
from tests.e2e.product import COMMANDS, Pipeline, Place, photo, place, running_pipeline, wait_until
from tests.hostile.conftest import IN_FULL
from tests.integration.api.serving import Api, Backends, jpeg, open_api, record
from tests.servers.databases import DatabaseServer, NoServerError, own_mariadb, own_postgresql
from tests.servers.queues import RedisServer, running_valkey
from tests.servers.suspension import hung

SEARCHES = 100
ROWS = 300_000 if IN_FULL else 20_000
REQUEST_SECONDS, UNAFFECTED_SECONDS = 12.0, 1.0
# Needs no database: its time is the delay caused by other processes and by the clients of the test.
CONTROL = "/health/live"
COMMAND_SECONDS = 20.0  # includes the start of the process on a busy machine
HUNG_SECONDS = 120.0 if IN_FULL else 3.0
RECOVERY_SECONDS = 10.0
START: dict[str, Callable[[], AbstractContextManager[DatabaseServer]]] = {
    "postgresql": own_postgresql,
    "mariadb": own_mariadb,
}


@dataclass(frozen=True, slots=True)
class Database:
    """An empty database on a private server that a test may suspend."""

    url: str
    server: DatabaseServer


@pytest.fixture(params=list(START))
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    try:
        with START[request.param]() as server:
            admin = create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
            with admin.connect() as connection:
                connection.exec_driver_sql("CREATE DATABASE captiond")
            yield Database(server.url.set(database="captiond").render_as_string(hide_password=False), server)
    except NoServerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def valkey() -> Iterator[RedisServer]:
    with running_valkey() as server:
        yield server
    COMMANDS.close()


def timed(place: Place, command: str) -> tuple[float, str]:
    started = time.monotonic()
    done = place.run(command)
    assert done.status != 0
    assert "Traceback" not in done.stderr
    return time.monotonic() - started, done.stdout + done.stderr


def test_commands_end_with_a_message_while_the_database_hangs(
    database: Database, valkey: RedisServer, tmp_path: Path
) -> None:
    here = place(tmp_path, valkey.url, database.url)
    migrate(database.url)

    with hung(database.server):
        results = {command: timed(here, command) for command in ("doctor", "verify", "migrate")}

    assert [name for name, (seconds, _) in results.items() if seconds > COMMAND_SECONDS] == []
    assert [name for name, (_, text) in results.items() if "database: cannot connect: " not in text] == []


@pytest.mark.full
@pytest.mark.timeout(600)
def test_archiver_survives_a_hung_database(database: Database, valkey: RedisServer, tmp_path: Path) -> None:
    with running_pipeline(place(tmp_path, f"{valkey.url}?db=2", database.url)) as pipeline:
        pipeline.await_status(pipeline.send(photo(), "before"), "stored")

        with hung(database.server):
            hung_at = time.monotonic()
            waiting = [pipeline.send(photo(), f"{number}") for number in range(3)]
            wait_until(lambda: is_reported(pipeline), 40, "the heartbeat reports the database")
            time.sleep(max(0, HUNG_SECONDS - (time.monotonic() - hung_at)))

        for image_id in waiting:
            pipeline.await_status(image_id, "stored", RECOVERY_SECONDS)
        assert pipeline.place.run("dead", "list").stdout == "no dead letters\n"


def is_reported(pipeline: Pipeline) -> bool:
    return "database" in (pipeline.problem("archiver") or "")


@pytest.fixture
def searched(valkey: RedisServer, mariadb_url: str, tmp_path: Path) -> Iterator[Api]:
    """An app on a MariaDB with many images."""
    migrate(mariadb_url)
    engine = open_engine(mariadb_url)
    insert_rows(engine, ROWS)
    engine.dispose()
    with open_api(Backends(valkey.url, tmp_path, mariadb_url)) as api:
        yield api


@pytest.mark.timeout(600)
def test_searches_without_matches_do_not_delay_other_requests(searched: Api) -> None:
    [image] = searched.archive(record(jpeg(), "x"))
    ended = threading.Event()
    slowest = dict.fromkeys((CONTROL, "/health/ready", "/api/images", f"/api/images/{image.id}"), 0.0)

    def request_others() -> None:
        while not ended.wait(0.05):
            for path in slowest:
                started = time.monotonic()
                assert searched.client.get(path).status_code == 200
                slowest[path] = max(slowest[path], time.monotonic() - started)

    def search(number: int) -> tuple[float, int, str]:
        started = time.monotonic()
        response = searches.get("/api/images", params={"q": f"нет такого {number}"})
        kind = response.json()["type"].rpartition(":")[2] if response.status_code == 503 else ""
        return time.monotonic() - started, response.status_code, kind

    limits = httpx.Limits(max_connections=SEARCHES)
    with (
        httpx.Client(base_url=searched.url, limits=limits, timeout=60) as searches,
        ThreadPoolExecutor(SEARCHES + 1) as pool,
    ):
        others = pool.submit(request_others)
        answers = list(pool.map(search, range(SEARCHES)))
        ended.set()
        others.result(30)

    lag = slowest.pop(CONTROL)
    assert max(seconds for seconds, _, _ in answers) < REQUEST_SECONDS + lag
    assert {(status, kind) for _, status, kind in answers} <= {(200, ""), (503, "search-busy"), (503, "search-timeout")}
    assert any(status == 200 for _, status, _ in answers)
    assert max(slowest.values()) < UNAFFECTED_SECONDS + lag, slowest  # 32 s without the bound
