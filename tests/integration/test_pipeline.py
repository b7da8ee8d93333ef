from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.product import Pipeline, assert_captioned, photo, place, running_pipeline

STACKS = (("sqlite_url", "valkey"), ("postgresql_url", "redis"), ("mariadb_url", "redis"))
DESCRIPTION = "С начала фазы запрещающего сигнала прошло: 7 секунд"
BROKEN = photo()[:400]


@pytest.fixture(params=STACKS, ids=["SQLite and Valkey", "PostgreSQL and Redis", "MariaDB and Redis"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    database, server = request.param
    database_url = request.getfixturevalue(database)
    with request.getfixturevalue(server)() as redis, running_pipeline(place(tmp_path, redis.url, database_url)) as run:
        yield run


def test_an_image_goes_all_the_way_and_a_broken_one_to_the_dead_letters(pipeline: Pipeline) -> None:
    original = photo()

    good = pipeline.send(original, DESCRIPTION)
    broken = pipeline.send(BROKEN, "a broken file")
    pipeline.await_status(good, "stored")
    pipeline.await_status(broken, "failed")

    [listed] = pipeline.client.get("/api/images").json()
    assert (listed["id"], listed["description"]) == (good, DESCRIPTION)
    captioned = pipeline.client.get(f"/api/images/{good}").content
    assert_captioned(captioned, original)
    assert len(captioned) == listed["bytes"]
    assert pipeline.client.get("/api/images?q=ФАЗЫ").json() == [listed]
    assert pipeline.place.run("verify").status == 0

    status = pipeline.client.get(f"/api/images/{broken}/status").json()
    assert "BadImage" in status["error"]
    shown = pipeline.place.run("dead", "show", broken).stdout
    assert "Traceback (most recent call last)" in shown
    assert "BadImage" in shown
    assert "description: a broken file" in shown
    assert "1 put back" in pipeline.place.run("dead", "retry", broken).stdout
    pipeline.await_status(broken, "failed")
    assert broken in pipeline.place.run("dead", "list").stdout

    logs = {file.name: file.read_text() for file in (pipeline.place.folder / "log").glob("*.log")}
    assert set(logs) == {"api.log", "captioner.log", "archiver.log"}
    assert all(good in log for log in logs.values())
    assert "Traceback (most recent call last)" in logs["captioner.log"]
    assert not any("запрещающего" in log for log in logs.values())
