"""Whatever is killed or goes away in between, every image that was accepted is archived, once."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine

from tests.e2e.conftest import Stack
from tests.e2e.product import TAKEOVER_SECONDS, VERIFIED, Pipeline, photo, wait_until

PHOTO = photo(64, 48)
MANY = 200


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
    wait_until(lambda: ids <= set(pipeline.listed()), seconds, f"{len(ids)} images are archived")
    listed = pipeline.listed()
    assert len(listed) == len(set(listed))
    verified = pipeline.place.run("verify")
    assert (verified.status, verified.stdout) == (0, VERIFIED)
    assert pipeline.place.run("dead", "list").stdout == "no dead letters\n"


def test_captioners_and_archivers_killed_in_the_middle_lose_and_double_nothing(stacks: Mapping[str, Stack]) -> None:
    # All at once: most of the time is spent waiting until the leases of the killed have run out.
    pipelines = [stack.pipeline for stack in stacks.values()]

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


def test_a_redis_killed_and_restarted_loses_and_doubles_nothing(stack: Stack) -> None:
    before = send_many(stack.pipeline, 40)
    stack.redis.restart()
    stack.pipeline.await_ready()
    after = send_many(stack.pipeline, 10)

    assert_all_arrive(stack.pipeline, before | after, TAKEOVER_SECONDS)


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


def test_a_database_that_goes_away_is_waited_for(stacks: Mapping[str, Stack]) -> None:
    stack = stacks.get("PostgreSQL and Redis")
    if stack is None or stack.database is None:
        pytest.skip("NOT TESTED: this machine has no PostgreSQL")
    pipeline = stack.pipeline

    before = send_many(pipeline, 20)
    with no_connections(stack.database):
        during = send_many(pipeline, 20)
        wait_until(lambda: pipeline.client.get("/api/images").status_code == 503, 30, "the API misses it")
        wait_until(lambda: "database" in str(pipeline.problem("archiver")), 30, "the archiver misses it")

    pipeline.await_ready()
    assert_all_arrive(pipeline, before | during, 60)
    wait_until(lambda: not pipeline.problem("archiver"), 30, "the archiver is well again")


def test_a_folder_that_goes_away_is_waited_for(stack: Stack) -> None:
    pipeline = stack.pipeline
    images = Path(pipeline.place.settings["images_dir"])

    images.rename(images.with_name("elsewhere"))
    sent = send_many(pipeline, 20)
    wait_until(lambda: "images directory" in str(pipeline.problem("archiver")), 30, "the archiver misses it")
    images.with_name("elsewhere").rename(images)

    assert_all_arrive(pipeline, sent, 60)
