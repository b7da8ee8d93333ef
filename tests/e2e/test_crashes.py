"""Every accepted image is archived once, despite killed processes and unavailable dependencies."""

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
    """Upload images, four at a time. Calls `meanwhile` with the number of accepted images after each."""
    ids = set()
    with ThreadPoolExecutor(4) as senders:
        for number, image_id in enumerate(senders.map(lambda n: pipeline.send(PHOTO, f"number {n}"), range(count))):
            ids.add(image_id)
            meanwhile(number + 1)
    return ids


def assert_all_arrive(pipeline: Pipeline, ids: set[str], seconds: float) -> None:
    """Check that every image is archived once and intact, and that there are no dead letters."""
    wait_until(lambda: ids <= set(pipeline.listed()), seconds, f"{len(ids)} images are archived")
    listed = pipeline.listed()
    assert len(listed) == len(set(listed))
    verified = pipeline.place.run("verify")
    assert (verified.status, verified.stdout) == (0, VERIFIED)
    assert pipeline.place.run("dead", "list").stdout == "no dead letters\n"


def test_killed_workers_neither_lose_nor_duplicate_images(stacks: Mapping[str, Stack]) -> None:
    # On all stacks in parallel, because most of the time passes until the leases of the killed workers expire.
    pipelines = [stack.pipeline for stack in stacks.values()]

    sent = [send_many(pipeline, MANY, killer(pipeline)) for pipeline in pipelines]

    for pipeline, ids in zip(pipelines, sent, strict=True):
        assert len(ids) == MANY
        assert_all_arrive(pipeline, ids, TAKEOVER_SECONDS)


def killer(pipeline: Pipeline) -> Callable[[int], None]:
    """Return a callback that kills and restarts two captioners and an archiver during the uploads."""
    victims = {MANY // 4: "captioner", MANY // 2: "archiver", 3 * MANY // 4: "captioner"}

    def kill_at(accepted: int) -> None:
        if victim := victims.get(accepted):
            pipeline.kill(victim)
            pipeline.start(victim)

    return kill_at


def test_killed_redis_neither_loses_nor_duplicates_images(stack: Stack) -> None:
    before = send_many(stack.pipeline, 40)
    stack.redis.restart()
    stack.pipeline.await_ready()
    after = send_many(stack.pipeline, 10)

    assert_all_arrive(stack.pipeline, before | after, TAKEOVER_SECONDS)


@contextmanager
def no_connections(url: URL) -> Iterator[None]:
    """Reject all connections to a PostgreSQL database."""
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    run(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
    run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.database}'")  # noqa: S608 - our own name
    yield
    run(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")


def test_archiver_waits_for_an_unavailable_database(stacks: Mapping[str, Stack]) -> None:
    stack = stacks.get("PostgreSQL and Redis")
    if stack is None or stack.database is None:
        pytest.skip("NOT TESTED ON PostgreSQL: not installed")
    pipeline = stack.pipeline

    before = send_many(pipeline, 20)
    with no_connections(stack.database):
        during = send_many(pipeline, 20)
        wait_until(lambda: pipeline.client.get("/api/images").status_code == 503, 30, "the API reports the database")
        wait_until(lambda: "database" in str(pipeline.problem("archiver")), 30, "the archiver reports a problem")

    pipeline.await_ready()
    assert_all_arrive(pipeline, before | during, 60)
    wait_until(lambda: not pipeline.problem("archiver"), 30, "the archiver is healthy")


def test_archiver_waits_for_a_missing_images_directory(stack: Stack) -> None:
    pipeline = stack.pipeline
    images = Path(pipeline.place.settings["images_dir"])

    images.rename(images.with_name("moved"))
    sent = send_many(pipeline, 20)
    wait_until(lambda: "images directory" in str(pipeline.problem("archiver")), 30, "the archiver reports a problem")
    images.with_name("moved").rename(images)

    assert_all_arrive(pipeline, sent, 60)
