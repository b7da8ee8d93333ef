"""What browsers may do with responses, and which hosts the API serves."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from captiond.access import Scope
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.integration.api.test_scopes import ENDPOINTS
from tests.servers.queues import RedisServer

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}
PHOTO = jpeg()


@pytest.fixture(scope="module")
def restricted(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    hosts = ("captiond.example.com", "*.cameras.example.com", "10.0.0.5", "::1")
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("api"), allowed_hosts=hosts)) as opened:
        yield opened


@pytest.fixture(scope="module")
def image_path(api: Api) -> str:
    [image] = api.archive(record(PHOTO, "x"))
    return f"/api/images/{image.id}"


def assert_protected(response: httpx.Response) -> None:
    assert response.headers.items() >= EVERYWHERE.items()
    # Pages send the referrer to this origin, because a form without referrer has the Origin `null`.
    assert response.headers["referrer-policy"] in {"no-referrer", "same-origin"}
    assert response.headers["cross-origin-resource-policy"] in {"same-origin", "same-site"}
    [policy] = response.headers.get_list("content-security-policy")
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert "unsafe" not in policy.replace("style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox", "")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/docs", 200),
        ("GET", "/redoc", 200),
        ("GET", "/redoc.standalone.js", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/static-offline-docs/swagger-ui.css", 200),
        ("GET", "/api/images", 200),
        ("GET", "/health/live", 200),
        ("GET", "/metrics", 200),
        ("GET", "/nothing", 404),
        ("DELETE", "/api/images", 405),
        ("POST", "/api/images", 400),
        ("GET", "/api/images?limit=0", 422),
        ("GET", "/static-offline-docs/none.js", 404),
    ],
)
def test_every_response_is_protected(api: Api, method: str, path: str, status: int) -> None:
    response = api.client.request(method, path)

    assert response.status_code == status
    assert_protected(response)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
@pytest.mark.parametrize("with_key", [False, True])
def test_every_endpoint_is_protected_and_allows_no_other_origin(
    secured: Api, method: str, path: str, *, with_key: bool
) -> None:
    url = re.sub(r"\{[^}]*\}", str(uuid4()), path)
    headers = {"Origin": "https://other.example", "Access-Control-Request-Method": method}
    if with_key:
        headers["X-API-Key"] = secured.create_key(str(uuid4()), *Scope)[1]

    for sent in (method, "OPTIONS"):
        with secured.client.stream(sent, url, headers=headers) as response:
            assert_protected(response)
            assert not [name for name in response.headers if name.startswith("access-control-")]
            assert response.status_code != 200 or sent != "OPTIONS"


def test_accepted_uploads_and_unexpected_errors_are_protected(own_api: Api) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    own_api.app.add_api_route("/fail", fail)

    for response, status in ((own_api.send(PHOTO, "x"), 202), (own_api.client.get("/fail"), 500)):
        assert response.status_code == status
        assert_protected(response)


@pytest.mark.parametrize(
    ("suffix", "headers", "status"),
    [
        ("", {}, 200),
        ("", {"Range": "bytes=0-3"}, 206),
        ("", {"If-None-Match": "*"}, 304),
        ("", {"Range": "bytes=9999999-"}, 416),
        ("/original", {}, 404),
    ],
)
def test_images_are_protected_and_sandboxed(
    api: Api, image_path: str, suffix: str, headers: dict[str, str], status: int
) -> None:
    response = api.client.get(image_path + suffix, headers=headers)

    assert response.status_code == status
    assert_protected(response)
    assert "sandbox" in response.headers["content-security-policy"]


def test_image_has_a_file_name_and_may_be_embedded_in_the_same_site(api: Api, image_path: str) -> None:
    response = api.client.get(image_path)

    assert response.headers["content-disposition"] == f'inline; filename="{image_path.rpartition("/")[2]}.jpg"'
    assert response.headers["cross-origin-resource-policy"] == "same-site"
    assert response.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("page", ["/docs", "/redoc", "IMAGE"])
def test_page_works_in_chromium_without_violations(api: Api, image_path: str, page: str, tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("not installed: chromium")
    url = api.url + page.replace("IMAGE", image_path)
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=20000")

    ran = subprocess.run(
        ["chromium", *flags, f"--user-data-dir={tmp_path}", "--dump-dom", url],
        capture_output=True,
        check=True,
        timeout=100,
    )

    assert [line for line in ran.stderr.decode().splitlines() if "CONSOLE" in line] == []
    assert ("<img" if page == "IMAGE" else "Upload an image") in ran.stdout.decode()


@pytest.mark.parametrize(
    "host",
    [
        "captiond.example.com",
        "CAPTIOND.example.com:8000",
        "captiond.example.com.",
        "a.cameras.example.com",
        "a.b.cameras.example.com:80",
        "10.0.0.5:8000",
        "[::1]",
        "[::1]:8000",
    ],
)
def test_allowed_host_is_served(restricted: Api, host: str) -> None:
    assert restricted.client.get("/api/images", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "captiond.example.com.evil.example",
        "cameras.example.com",
        "xcameras.example.com",
        ".cameras.example.com",
        "10.0.0.50",
        "localhost",
        "[::2]",
        "[::1",
    ],
)
@pytest.mark.parametrize("path", ["/api/images", "/docs", "/metrics", "/"])
def test_other_host_returns_421(restricted: Api, host: str, path: str) -> None:
    response = restricted.client.get(path, headers={"Host": host})

    assert problem(response) == (421, "unknown-host")
    assert repr(host) in response.json()["detail"]
    assert_protected(response)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_is_served_to_every_host(restricted: Api, path: str) -> None:
    assert restricted.client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_every_host_is_served_by_default(api: Api) -> None:
    assert api.client.get("/api/images", headers={"Host": "evil.example"}).status_code == 200
