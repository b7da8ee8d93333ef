"""The API refuses requests that pages of other sites send."""

from collections.abc import Callable

import httpx
import pytest

from tests.integration.api.camera_requests import read_queue
from tests.integration.api.serving import Api, jpeg, problem
from tests.integration.api.test_rejections import read_rejected, warnings

FOREIGN = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}]


def send_form(api: Api, headers: dict[str, str]) -> httpx.Response:
    files = {"image": ("photo.jpg", jpeg(), "image/jpeg")}
    return api.client.post("/api/images", files=files, data={"description": "x"}, headers=headers)


def send_preview(api: Api, headers: dict[str, str]) -> httpx.Response:
    return api.client.post("/api/preview", json={"description": "x", "width": 64}, headers=headers)


def send_event(api: Api, headers: dict[str, str]) -> httpx.Response:
    return api.client.post("/api/ingest/dahua", content=b"{", headers=headers)


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("send", [send_form, send_preview, send_event])
def test_request_of_another_site_returns_403(
    own_api: Api, send: Callable[[Api, dict[str, str]], httpx.Response], headers: dict[str, str]
) -> None:
    response = send(own_api, headers)

    assert problem(response) == (403, "cross-site-request")
    assert response.headers["connection"] == "close"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert read_queue(own_api) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_every_unsafe_method_is_protected(api: Api, method: str) -> None:
    response = api.client.request(method, "/api/images/x", headers=FOREIGN[0])

    assert problem(response) == (403, "cross-site-request")


@pytest.mark.parametrize("headers", FOREIGN)
def test_images_may_be_read_from_other_sites(api: Api, headers: dict[str, str]) -> None:
    assert api.client.get("/api/images", headers=headers).status_code == 200


def test_own_page_may_upload(api: Api) -> None:
    allowed = [{"Sec-Fetch-Site": "same-origin", "Origin": api.url}, {"Origin": api.url}, {"Sec-Fetch-Site": "none"}]

    assert [send_form(api, headers).status_code for headers in allowed] == [202] * 3


def test_refused_upload_is_logged_and_counted(own_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    send_form(own_api, FOREIGN[0])
    send_preview(own_api, FOREIGN[0])

    [line] = warnings(caplog)
    assert line.startswith("rejected peer=127.0.0.1 source=images reason=cross-site-request: The browser sent")
    assert read_rejected(own_api) == {"cross-site-request": 1}
