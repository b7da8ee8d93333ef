import logging
import re

import pytest

from tests.integration.api.serving import Api, problem

ASSET = re.compile(r"""(?:src|href)=["']([^"']+)["']""")


def test_the_start_page_leads_to_the_documentation(api: Api) -> None:
    answer = api.client.get("/")

    assert answer.is_redirect
    assert answer.headers["location"] == "/docs"


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_needs_no_other_server(api: Api, path: str) -> None:
    answer = api.client.get(path)

    assert answer.status_code == 200
    assert not re.findall(r"https?://|[\"'(]//", answer.text)
    assets = ASSET.findall(answer.text)
    assert assets
    for asset in assets:
        served = api.client.get(asset)
        assert served.status_code == 200, asset
        assert len(served.content) > 100, asset


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/images/a/b", "/static-offline-docs/none.js"])
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    assert problem(api.client.get(path)) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/images", "GET, POST"),
        ("PUT", "/api/images/9f1c1ad7-8c0e-4ee6-8a4e-2a4f0c8c1f3e", "GET, HEAD"),
        ("POST", "/api/events", "GET"),
        ("POST", "/health/live", "GET"),
        ("PATCH", "/", "GET"),
    ],
)
def test_another_method_is_405_and_says_which_are_allowed(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api.client.request(method, path)

    assert problem(answer) == (405, "method-not-allowed")
    assert answer.headers["allow"] == allowed


def test_an_error_nobody_foresaw_is_500_and_its_traceback_is_in_the_log(
    own_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a fault of ours")

    own_api.app.add_api_route("/fail", fail)

    with caplog.at_level(logging.ERROR):
        answer = own_api.client.get("/fail")

    assert problem(answer) == (500, "internal-error")
    assert "a fault of ours" not in answer.text
    traces = [entry for entry in caplog.records if entry.exc_info and entry.exc_info[0] is ZeroDivisionError]
    assert [trace.getMessage().split(":")[0] for trace in traces][:1] == ["GET /fail"]
    assert "Traceback" in caplog.text
