"""The API logs each rejected upload and counts it by reason."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from captiond.access import Scope
from tests.integration.api.serving import MAX_UPLOAD_BYTES, Api, Backends, jpeg, open_api, problem
from tests.servers.queues import RedisServer

FORM = "/api/images"


def read_rejected(api: Api) -> dict[str, float]:
    """Return the counts that are not 0, by reason."""
    return {
        sample.labels["reason"]: sample.value
        for family in text_string_to_metric_families(api.client.get("/metrics").text)
        for sample in family.samples
        if sample.name == "captiond_uploads_rejected_total" and sample.value
    }


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("rejected")]


def test_rejected_upload_is_logged_and_counted(own_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    own_api.send(b"\x89PNG" + bytes(100), "one")
    own_api.send(b"\x89PNG" + bytes(100), "two")
    own_api.client.post(FORM, params={"camera": "North"}, content=jpeg(), headers={"Content-Type": "image/jpeg"})

    first, second = warnings(caplog)
    assert first.startswith("rejected peer=127.0.0.1 source=images reason=not-a-jpeg: The part `image` starts with 89")
    assert second == (
        "rejected peer=127.0.0.1 source=images reason=invalid-request camera=North: description: is missing"
    )
    assert read_rejected(own_api) == {"not-a-jpeg": 2, "invalid-request": 1}


def test_every_reason_has_a_series_from_the_start(own_api: Api) -> None:
    text = own_api.client.get("/metrics").text

    for reason in ("not-multipart", "too-large", "malformed-request", "slow-reader", "not-found", "other"):
        assert f'captiond_uploads_rejected_total{{reason="{reason}"}} 0.0' in text


def test_upload_to_a_path_without_route_is_counted(own_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    own_api.client.post("/upload.php", content=jpeg())
    own_api.client.put(FORM, content=jpeg())

    assert [line.partition(":")[0] for line in warnings(caplog)] == [
        "rejected peer=127.0.0.1 source=unknown reason=not-found",
        "rejected peer=127.0.0.1 source=images reason=method-not-allowed",
    ]
    assert read_rejected(own_api) == {"not-found": 1, "method-not-allowed": 1}


@pytest.mark.parametrize("path", ["/images", "/api/events", "/api/images/0197a3b4-0000-7000-8000-000000000001"])
def test_upload_to_a_path_that_is_only_read_is_counted(
    own_api: Api, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    assert own_api.client.post(path, content=jpeg()).status_code == 405

    [line] = warnings(caplog)
    assert "reason=method-not-allowed" in line
    assert read_rejected(own_api) == {"method-not-allowed": 1}


def test_upload_to_a_path_that_is_only_read_is_counted_if_its_key_lacks_the_scope(secured: Api) -> None:
    before = secured.context.rejections.totals["missing-scope"]
    _, token = secured.create_key("camera", Scope.UPLOAD)

    response = secured.client.post("/images", content=jpeg(), headers={"Authorization": f"Bearer {token}"})

    assert problem(response) == (403, "missing-scope")
    assert secured.context.rejections.totals["missing-scope"] == before + 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/webhooks", 422),
        ("PUT", "/api/webhooks", 405),
        ("PUT", "/api/keys/0", 405),
        ("POST", "/ops/audit", 405),
        ("PUT", "/ops", 405),
        ("POST", "/api/dead-letters/retry", 422),
        ("POST", "/images/0197a3b4-0000-7000-8000-000000000001", 422),
        ("PUT", "/api/images/0/hold", 422),
        ("POST", "/api/preview", 400),
    ],
)
def test_other_requests_are_not_counted(
    own_api: Api, caplog: pytest.LogCaptureFixture, method: str, path: str, status: int
) -> None:
    response = own_api.client.request(method, path, json=[])

    assert (response.status_code, warnings(caplog), read_rejected(own_api)) == (status, [], {})


@pytest.mark.parametrize("path", ["/api/webhooks", "/api/keys", "/images/0197a3b4-0000-7000-8000-000000000001"])
def test_requests_of_administrators_without_a_key_are_not_counted(secured: Api, path: str) -> None:
    before = dict(secured.context.rejections.totals)

    assert secured.client.post(path).status_code == 401
    assert secured.context.rejections.totals == before
    assert secured.client.post(FORM).status_code == 401
    assert secured.context.rejections.totals["unauthorized"] == before["unauthorized"] + 1


def test_failed_reads_are_not_counted(own_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    own_api.client.get("/api/images/0")
    own_api.client.get("/nowhere")

    assert (warnings(caplog), read_rejected(own_api)) == ([], {})


def test_interrupted_upload_is_counted_once(own_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    address = urlsplit(own_api.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        head = (
            f"POST {FORM}?description=x HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: 999\r\n\r\n"
        )
        connection.sendall(head.encode() + jpeg()[:100])
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    assert read_rejected(own_api) == {"incomplete-body": 1}
    assert len(warnings(caplog)) == 1


def test_request_that_violates_http_is_counted(own_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    address = urlsplit(own_api.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"POST /api/images HTTP/1.1\r\n\r\n")
        while connection.recv(4096):
            pass

    [line] = warnings(caplog)
    assert line.startswith("rejected peer=127.0.0.1 source=connection reason=malformed-request: ")
    assert read_rejected(own_api) == {"malformed-request": 1}


def test_upload_for_another_host_is_counted(
    valkey: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_api(Backends(valkey.url, tmp_path, allowed_hosts=("127.0.0.1",))) as api:
        api.client.post(FORM, content=jpeg(), headers={"Host": "example.com"})

        assert read_rejected(api) == {"unknown-host": 1}
    assert "source=images reason=unknown-host: This server does not serve the host 'example.com'" in caplog.text


def test_upload_without_redis_is_logged_with_the_cause(
    own_valkey: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        own_valkey.stop()

        statuses = {api.send(jpeg(), "x").status_code for _ in range(10)}

        assert statuses == {503}
        assert api.context.rejections.totals["unavailable"] == 10
    assert len(warnings(caplog)) == 1


def test_too_large_upload_is_counted(own_api: Api) -> None:
    response: httpx.Response = own_api.send(jpeg() + bytes(MAX_UPLOAD_BYTES), "x")

    assert response.status_code == 413
    assert read_rejected(own_api) == {"too-large": 1}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("/api/ingest/hikvision", "hikvision"),
        ("/api/ingest/hikvision/alarm", "hikvision"),
        ("/api/ingest/dahua/NotificationInfo/TollgateInfo", "dahua"),
    ],
)
def test_rejected_event_names_its_protocol(
    own_api: Api, caplog: pytest.LogCaptureFixture, path: str, source: str
) -> None:
    own_api.client.post(path, content=b"{", headers={"Content-Type": "application/json"})

    [line] = warnings(caplog)
    assert line.startswith(f"rejected peer=127.0.0.1 source={source} reason=malformed-body: ")
