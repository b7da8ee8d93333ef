import shutil
import uuid
from pathlib import Path

import pytest

from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

CONTENT = jpeg()
NO_DATABASE = "postgresql+psycopg://nobody@127.0.0.1:1/none"


def test_health_checks_pass_when_all_dependencies_are_available(api: Api) -> None:
    for path in ("/health/live", "/health/ready"):
        response = api.client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_without_redis_uploads_return_503_and_archived_images_are_served(
    own_valkey: RedisServer, tmp_path: Path
) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        [image] = api.archive(record(CONTENT, "x"))
        api.send(CONTENT, "before")
        own_valkey.stop()

        refused = api.send(CONTENT, "meanwhile", Idempotency_Key="k")

        assert problem(refused) == (503, "unavailable")
        assert "Redis" in refused.json()["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        ready = api.client.get("/health/ready")
        assert problem(ready) == (503, "unavailable")
        assert "Redis" in ready.json()["detail"]
        assert api.client.get("/health/live").status_code == 200
        assert problem(api.client.get(f"/api/images/{uuid.uuid4()}")) == (503, "unavailable")
        assert problem(api.client.get(f"/api/images/{uuid.uuid4()}/status")) == (503, "unavailable")
        assert len(api.client.get("/api/images").json()) == 1
        assert api.client.get(f"/api/images/{image.id}").content == CONTENT

        own_valkey.start()
        assert api.send(CONTENT, "meanwhile", Idempotency_Key="k").status_code == 202
        assert api.client.get("/health/ready").status_code == 200


def test_event_stream_ends_without_error_when_redis_stops(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        with api.client.stream("GET", "/api/events", headers={"Last-Event-ID": "0-0"}) as response:
            api.send(CONTENT, "x")
            lines = response.iter_lines()
            assert next(lines) == "event: status"
            own_valkey.stop()

            assert all("error" not in line for line in lines)

        assert api.client.get("/api/events").text == ""


@pytest.mark.parametrize(
    "path", ["/api/images", f"/api/images/{uuid.UUID(int=7)}", f"/api/images/{uuid.UUID(int=7)}/status"]
)
def test_without_database_reads_return_503(valkey: RedisServer, tmp_path: Path, path: str) -> None:
    with open_api(Backends(valkey.url, tmp_path, NO_DATABASE)) as api:
        response = api.client.get(path)

        assert problem(response) == (503, "unavailable")
        assert "retry-after" in response.headers
        assert "password" not in response.text


def test_without_database_uploads_are_accepted(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, NO_DATABASE)) as api:
        assert api.send(CONTENT, "x").status_code == 202
        ready = api.client.get("/health/ready")
        assert problem(ready) == (503, "unavailable")
        assert "database" in ready.json()["detail"]


def test_missing_images_directory_fails_the_readiness_check(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path)) as api:
        shutil.rmtree(tmp_path / "images")

        ready = api.client.get("/health/ready")

        assert problem(ready) == (503, "unavailable")
        assert "images directory" in ready.json()["detail"]
