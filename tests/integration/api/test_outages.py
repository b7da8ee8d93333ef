import logging
import shutil
import uuid
from pathlib import Path

import httpx
import pytest

from captiond.workqueue.errors import NotReplicated
from tests.e2e.product import wait_until
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

CONTENT = jpeg()
NO_REDIS = "redis://localhost:1/0"
NO_DATABASE = "postgresql+psycopg://nobody@127.0.0.1:1/none"
REDIS_UNAVAILABLE = "Redis is unavailable."
ARCHIVE_UNAVAILABLE = "The archive is unavailable."


def assert_unavailable(response: httpx.Response, detail: str, *internals: str) -> None:
    """Check that the response has the fixed detail, and none of the texts that name hosts, ports, users or paths."""
    assert problem(response) == (503, "unavailable")
    assert response.json()["detail"] == detail
    assert 1 <= int(response.headers["retry-after"]) <= 5
    assert not [text for text in (*internals, "refused", "Errno", "Error 111") if text in response.text]


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

        socket = own_valkey.url.removeprefix("unix://")
        assert_unavailable(refused, REDIS_UNAVAILABLE, socket)
        for path in ("/health/ready", "/metrics", f"/api/images/{uuid.uuid4()}", f"/api/images/{uuid.uuid4()}/status"):
            assert_unavailable(api.client.get(path), REDIS_UNAVAILABLE, socket)
        assert api.client.get("/health/live").status_code == 200
        assert len(api.client.get("/api/images").json()) == 1
        assert api.client.get(f"/api/images/{image.id}").content == CONTENT

        own_valkey.start()
        wait_until(
            lambda: api.send(CONTENT, "meanwhile", Idempotency_Key="k").status_code == 202, 10, "uploads work again"
        )
        wait_until(lambda: api.client.get("/health/ready").status_code == 200, 10, "the API is ready again")


def test_unreachable_redis_is_logged_with_its_address_and_the_response_omits_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_api(Backends(NO_REDIS, tmp_path)) as api, caplog.at_level(logging.ERROR):
        responses = [api.client.get("/health/ready"), api.client.get("/metrics"), api.send(CONTENT, "x")]

    for response in responses:
        assert_unavailable(response, REDIS_UNAVAILABLE, "localhost", "127.0.0.1", ":1")
    outages = [message for message in caplog.messages if "; retrying with backoff" in message]
    assert ["localhost:1" in message for message in outages] == [True]


def test_unsafe_redis_returns_503_without_its_settings(own_valkey: RedisServer, tmp_path: Path) -> None:
    own_valkey.client().config_set("appendfsync", "everysec")
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        for response in (api.client.get("/health/ready"), api.send(CONTENT, "x")):
            detail = "Redis does not meet the durability requirements; the operator can run `captiond doctor`."
            assert_unavailable(response, detail, "appendfsync")


def test_missing_replica_returns_503_without_the_server(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path)) as api:

        async def fail() -> None:
            raise NotReplicated(confirmed=0, required=1)

        api.app.add_api_route("/fail", fail)

        detail = "Too few Redis replicas confirmed the upload; repeat the request unchanged."
        assert_unavailable(api.client.get("/fail"), detail)


def test_event_stream_ends_without_error_when_redis_stops(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        with api.client.stream("GET", "/api/events", headers={"Last-Event-ID": "0-0"}) as response:
            api.send(CONTENT, "x")
            lines = response.iter_lines()
            assert [next(lines) for _ in range(3)] == ["id: 0-0", "", "event: status"]
            own_valkey.stop()

            assert all("error" not in line for line in lines)

        assert api.client.get("/api/events").text == ""


@pytest.mark.parametrize(
    "path", ["/api/images", *(f"/api/images/{uuid.UUID(int=7)}{what}" for what in ("", "/status", "/metadata"))]
)
def test_without_database_reads_return_503(
    valkey: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with open_api(Backends(valkey.url, tmp_path, NO_DATABASE)) as api, caplog.at_level(logging.ERROR):
        response = api.client.get(path)

    assert_unavailable(response, ARCHIVE_UNAVAILABLE, "127.0.0.1", "port", "nobody", "password")
    assert "database: " in caplog.messages[0]
    assert "127.0.0.1" in caplog.messages[0]


def test_without_database_uploads_are_accepted(
    valkey: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_api(Backends(valkey.url, tmp_path, NO_DATABASE)) as api, caplog.at_level(logging.ERROR):
        assert api.send(CONTENT, "x").status_code == 202
        ready = api.client.get("/health/ready")

    assert_unavailable(ready, ARCHIVE_UNAVAILABLE, "127.0.0.1", "port")
    assert "database: " in caplog.messages[0]


def test_missing_images_directory_fails_the_readiness_check(
    valkey: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_api(Backends(valkey.url, tmp_path)) as api, caplog.at_level(logging.ERROR):
        shutil.rmtree(tmp_path / "images")

        ready = api.client.get("/health/ready")

    assert_unavailable(ready, ARCHIVE_UNAVAILABLE, str(tmp_path))
    assert f"images directory: [Errno 2] No such file or directory: '{tmp_path}/images'" in caplog.messages[0]


def test_database_without_a_schema_is_not_ready(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, f"sqlite:///{tmp_path}/empty.db")) as api:
        response = api.client.get("/health/ready")

    assert_unavailable(response, ARCHIVE_UNAVAILABLE, "table")
