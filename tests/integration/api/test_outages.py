import shutil
import uuid
from pathlib import Path

import pytest

from tests.integration.api.serving import Api, Behind, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

CONTENT = jpeg()
NO_DATABASE = "postgresql+psycopg://nobody@127.0.0.1:1/none"


def test_all_is_well_where_all_is_there(api: Api) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = api.client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_while_redis_is_away_uploads_are_refused_and_what_is_archived_is_served(
    own_valkey: RedisServer, tmp_path: Path
) -> None:
    with open_api(Behind(own_valkey.url, tmp_path)) as api:
        [kept] = api.keep(record(CONTENT, "x"))
        api.send(CONTENT, "before")
        own_valkey.stop()

        refused = api.send(CONTENT, "meanwhile", Idempotency_Key="k")

        assert problem(refused) == (503, "unavailable")
        assert "Redis is not available" in refused.json()["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        ready = api.client.get("/health/ready")
        assert problem(ready) == (503, "unavailable")
        assert "Redis" in ready.json()["detail"]
        assert api.client.get("/health/live").status_code == 200
        assert problem(api.client.get(f"/api/images/{uuid.uuid4()}")) == (503, "unavailable")
        assert problem(api.client.get(f"/api/images/{uuid.uuid4()}/status")) == (503, "unavailable")
        assert len(api.client.get("/api/images").json()) == 1
        assert api.client.get(f"/api/images/{kept.id}").content == CONTENT

        own_valkey.start()
        assert api.send(CONTENT, "meanwhile", Idempotency_Key="k").status_code == 202
        assert api.client.get("/health/ready").status_code == 200


def test_a_stream_of_events_ends_in_good_order_while_redis_is_away(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Behind(own_valkey.url, tmp_path)) as api:
        with api.client.stream("GET", "/api/events", headers={"Last-Event-ID": "0-0"}) as answer:
            api.send(CONTENT, "x")
            lines = answer.iter_lines()
            assert next(lines) == "event: status"
            own_valkey.stop()

            assert all("error" not in line for line in lines)

        assert api.client.get("/api/events").text == ""


@pytest.mark.parametrize(
    "path", ["/api/images", f"/api/images/{uuid.UUID(int=7)}", f"/api/images/{uuid.UUID(int=7)}/status"]
)
def test_while_the_database_is_away_reading_is_503(valkey: RedisServer, tmp_path: Path, path: str) -> None:
    with open_api(Behind(valkey.url, tmp_path, NO_DATABASE)) as api:
        answer = api.client.get(path)

        assert problem(answer) == (503, "unavailable")
        assert "retry-after" in answer.headers
        assert "password" not in answer.text


def test_while_the_database_is_away_uploads_are_accepted(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Behind(valkey.url, tmp_path, NO_DATABASE)) as api:
        assert api.send(CONTENT, "x").status_code == 202
        ready = api.client.get("/health/ready")
        assert problem(ready) == (503, "unavailable")
        assert "database" in ready.json()["detail"]


def test_without_its_folder_it_is_not_ready(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Behind(valkey.url, tmp_path)) as api:
        shutil.rmtree(tmp_path / "images")

        ready = api.client.get("/health/ready")

        assert problem(ready) == (503, "unavailable")
        assert "images directory" in ready.json()["detail"]
