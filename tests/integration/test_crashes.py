"""Whatever is killed or goes away in between, every image that was accepted is archived, once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine, make_url

from tests.integration.conftest import Open
from tests.integration.product import TAKEOVER_SECONDS, Pipeline, photo, place, running_pipeline, wait_until

PHOTO = photo(64, 48)
MANY = 200
DATABASES = ("sqlite_url", "postgresql_url", "mariadb_url")


def send_many(pipeline: Pipeline, count: int, meanwhile: Callable[[int], None] = lambda _: None) -> set[str]:
    """Send images, four at once; `meanwhile` hears how many are accepted."""
    ids = set()
    with ThreadPoolExecutor(4) as senders:
        for number, image_id in enumerate(senders.map(lambda n: pipeline.send(PHOTO, f"number {n}"), range(count))):
            ids.add(image_id)
            meanwhile(number + 1)
    return ids


def assert_all_arrive(pipeline: Pipeline, ids: set[str], seconds: float) -> None:
    """Each once, whole, and none among the dead letters."""
    wait_until(lambda: len(pipeline.listed()) >= len(ids), seconds, f"{len(ids)} images are archived")
    assert sorted(pipeline.listed()) == sorted(ids)
    verified = pipeline.place.run("verify")
    assert (verified.status, verified.stdout) == (0, "every row has its whole file, every file its row\n")
    assert pipeline.place.run("dead", "list").stdout == "no dead letters\n"


def test_captioners_and_archivers_killed_in_the_middle_lose_and_double_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, valkey: Open, redis: Open
) -> None:
    # All three at once: most of the time is spent waiting until the leases of the killed have run out.
    with ExitStack() as opened:
        pipelines = []
        for name, open_server in zip(DATABASES, (valkey, redis, redis), strict=True):
            server = opened.enter_context(open_server())
            folder = tmp_path / name
            folder.mkdir()
            where = place(folder, server.url, request.getfixturevalue(name))
            pipelines.append(opened.enter_context(running_pipeline(where)))

        sent = [send_many(pipeline, MANY, killer(pipeline)) for pipeline in pipelines]

        for pipeline, ids in zip(pipelines, sent, strict=True):
            assert len(ids) == MANY
            assert_all_arrive(pipeline, ids, TAKEOVER_SECONDS)


def killer(pipeline: Pipeline) -> Callable[[int], None]:
    """Kill a captioner and an archiver in the middle of their work, and start others."""
    victims = {MANY // 4: "captioner", MANY // 2: "archiver", 3 * MANY // 4: "captioner"}

    def strike(accepted: int) -> None:
        if victim := victims.get(accepted):
            pipeline.kill(victim)
            pipeline.start(victim)

    return strike


def test_redis_killed_and_restarted_loses_and_doubles_nothing(tmp_path: Path, sqlite_url: str, redis: Open) -> None:
    with redis() as server, running_pipeline(place(tmp_path, server.url, sqlite_url)) as pipeline:
        before = send_many(pipeline, 50)
        server.restart()
        pipeline.await_ready()
        after = send_many(pipeline, 50)

        assert_all_arrive(pipeline, before | after, TAKEOVER_SECONDS)


@contextmanager
def no_connections(url: URL) -> Iterator[None]:
    """A PostgreSQL database that refuses everybody."""
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    run(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
    run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.database}'")  # noqa: S608 - our own name
    yield
    run(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")


def test_a_database_that_goes_away_is_waited_for(tmp_path: Path, postgresql_url: str, valkey: Open) -> None:
    with valkey() as server, running_pipeline(place(tmp_path, server.url, postgresql_url)) as pipeline:
        before = send_many(pipeline, 20)
        with no_connections(make_url(postgresql_url)):
            during = send_many(pipeline, 20)
            wait_until(lambda: pipeline.client.get("/api/images").status_code == 503, 30, "the API misses it")
            wait_until(lambda: "database" in str(pipeline.complaint("archiver")), 30, "the archiver misses it")

        pipeline.await_ready()
        assert_all_arrive(pipeline, before | during, 60)
        wait_until(lambda: not pipeline.complaint("archiver"), 30, "the archiver is well again")


def test_a_folder_that_goes_away_is_waited_for(tmp_path: Path, sqlite_url: str, valkey: Open) -> None:
    with valkey() as server, running_pipeline(place(tmp_path, server.url, sqlite_url)) as pipeline:
        (tmp_path / "images").rename(tmp_path / "elsewhere")
        sent = send_many(pipeline, 20)
        wait_until(lambda: "images directory" in str(pipeline.complaint("archiver")), 30, "the archiver misses it")
        (tmp_path / "elsewhere").rename(tmp_path / "images")

        assert_all_arrive(pipeline, sent, 60)
