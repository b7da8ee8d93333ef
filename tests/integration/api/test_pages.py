import logging
import re

import pytest

from captiond.logs import UtcFormatter
from tests.e2e.product import wait_until
from tests.integration.api.serving import Api, problem

ASSET = re.compile(r"""(?:src|href)=["']([^"']+)["']""")
REDOC_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
# URLs of images, fonts and style sheets in a script or a style sheet.
LOADED = re.compile(r"https?://[^\s\"'`)]+\.(?:svg|png|jpg|gif|ico|css|woff2?)\b")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_documentation_pages_load_from_this_server_only(api: Api, path: str) -> None:
    response = api.client.get(path)

    assert response.status_code == 200
    assert not re.findall(r"https?://|[\"'(]//", response.text)
    assets = ASSET.findall(response.text)
    assert assets
    for asset in assets:
        served = api.client.get(asset)
        assert served.status_code == 200, asset
        assert len(served.content) > 100, asset


def test_redoc_does_not_load_its_logo_from_another_host(api: Api) -> None:
    assert LOADED.findall(api.client.get("/static-offline-docs/redoc.standalone.js").text) == [REDOC_LOGO]
    assert LOADED.findall(api.client.get("/redoc.standalone.js").text) == []


def test_swagger_ui_has_no_validator_on_another_host(api: Api) -> None:
    assert '"validatorUrl": null' in api.client.get("/docs").text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert LOADED.findall(api.client.get(f"/static-offline-docs/{asset}").text) == []


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/images/a/b", "/static-offline-docs/none.js"])
def test_unknown_path_returns_404(api: Api, path: str) -> None:
    assert problem(api.client.get(path)) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/images", "GET, POST"),
        ("PUT", "/api/images/9f1c1ad7-8c0e-4ee6-8a4e-2a4f0c8c1f3e", "DELETE, GET, HEAD"),
        ("POST", "/api/events", "GET"),
        ("POST", "/health/live", "GET"),
        ("PATCH", "/", "GET, POST"),
    ],
)
def test_wrong_method_returns_405_with_the_allowed_methods(api: Api, method: str, path: str, allowed: str) -> None:
    response = api.client.request(method, path)

    assert problem(response) == (405, "method-not-allowed")
    assert response.headers["allow"] == allowed


def test_unexpected_error_returns_500_and_is_logged_once_with_its_traceback(
    own_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a bug")

    own_api.app.add_api_route("/fail", fail)

    with caplog.at_level(logging.ERROR):
        response = own_api.client.get("/fail")
        # uvicorn logs after it has sent the response.
        wait_until(lambda: bool(caplog.records), 10, "the error is logged")

    assert problem(response) == (500, "internal-error")
    assert "a bug" not in response.text
    [entry] = caplog.records
    lines = UtcFormatter("%(levelname)s %(message)s").format(entry).splitlines()
    assert lines[0] == "ERROR Exception in ASGI application"
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-2:] == ["ZeroDivisionError: a bug", "while handling GET /fail"]
    assert all(lines)
