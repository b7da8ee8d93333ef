"""The login of the page over HTTP: its cookie, its redirects and its limits."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from captiond.access import Scope, make_token
from captiond.access.sessions import SESSION_SECONDS
from tests.integration.api.serving import Api, Backends, open_api, problem
from tests.integration.api.visitors import HTML, NAME, OWN, log_in, read_cookie
from tests.servers.queues import RedisServer

HTTPS = {"X-Forwarded-Proto": "https"}

IMAGE = "0196d1f4-3c00-7000-8000-000000000001"


@pytest.fixture(scope="module")
def reader(secured: Api) -> str:
    """The secret of a key."""
    return secured.create_key("reader", Scope.READ)[1]


def test_login_sets_a_cookie_and_returns_to_the_view(secured: Api, reader: str) -> None:
    response = log_in(secured, reader, "/login?next=/images%3Fq%3Dx")
    cookie = read_cookie(response)

    assert (response.status_code, response.headers["location"]) == (303, "/images?q=x")
    assert response.headers["cache-control"] == "no-store"
    assert cookie.key == NAME
    assert (cookie["path"], cookie["samesite"].lower(), cookie["httponly"]) == ("/", "strict", True)
    assert (int(cookie["max-age"]), cookie["domain"], cookie["secure"]) == (SESSION_SECONDS, "", "")
    assert reader[9:] not in response.headers["set-cookie"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (HTTPS, (f"__Host-{NAME}", "/", True)),
        ({**HTTPS, "X-Forwarded-Prefix": "/cam"}, (f"__Secure-{NAME}", "/cam/", True)),
        ({"X-Forwarded-Prefix": "/cam"}, (NAME, "/cam/", "")),
    ],
)
def test_cookie_behind_a_proxy(
    secured: Api, reader: str, headers: dict[str, str], expected: tuple[str, str, object]
) -> None:
    response = log_in(secured, reader, "/login?next=/images", **headers)
    cookie = read_cookie(response)

    assert (cookie.key, cookie["path"], cookie["secure"]) == expected
    name, path, _ = expected
    assert response.headers["location"] == path + "images"
    sent = {**HTML, **headers, "Cookie": f"{name}={cookie.value}"}
    assert secured.client.get("/images", headers=sent).status_code == 200
    if name != NAME:  # a cookie that another site of the host set over HTTP
        sent["Cookie"] = f"{NAME}={cookie.value}"
        assert secured.client.get("/images", headers=sent).status_code == 303


def test_scheme_of_an_untrusted_client_is_ignored(valkey: RedisServer, tmp_path: Path) -> None:
    backends = Backends(valkey.url, tmp_path, requires_keys=True, trusted_proxies="10.0.0.0/8")
    with open_api(backends) as api:
        _, token = api.create_key("x", Scope.READ)
        assert read_cookie(log_in(api, token, **HTTPS)).key == NAME


@pytest.mark.parametrize("name", ["unknown", "malformed", "empty", "revoked", "expired"])
def test_invalid_key_shows_the_form_again(secured: Api, name: str) -> None:
    key, revoked = secured.create_key(f"{name} 1", Scope.READ)
    secured.keys.revoke(key.id)
    past = datetime.now(UTC) - timedelta(seconds=1)
    _, expired = secured.create_key(f"{name} 2", Scope.READ, expires_at=past)
    values = {"unknown": make_token(), "malformed": "x", "empty": "", "revoked": revoked, "expired": expired}

    response = log_in(secured, values[name], "/login?next=/images")

    assert response.status_code == 401
    assert response.headers.get_list("www-authenticate") == ['Bearer realm="captiond"']
    assert "set-cookie" not in response.headers
    assert "This key is not valid." in response.text
    assert 'action="/login?next=%2Fimages"' in response.text
    assert f'value="{values[name]}"' not in response.text


def test_key_may_have_spaces_around(secured: Api, reader: str) -> None:
    assert log_in(secured, f" {reader}\n").status_code == 303


def test_key_of_another_network_is_refused(secured: Api) -> None:
    _, token = secured.create_key("network", Scope.READ, networks=(ip_network("10.0.0.0/8"),))

    response = log_in(secured, token)
    assert response.status_code == 403
    assert "not valid in your network" in response.text
    # A session is bound to the networks of its key, too.
    cookie = read_cookie(log_in(secured, token, X_Forwarded_For="10.1.2.3"))
    sent = {"Cookie": f"{cookie.key}={cookie.value}"}
    assert problem(secured.client.get("/api/images", headers=sent)) == (403, "wrong-network")


def test_wrong_keys_are_refused_at_the_pace_of_the_api(secured: Api) -> None:
    def count() -> float:
        return secured.app.state.access.pace._next  # type: ignore[no-any-return] # noqa: SLF001 - a time in seconds

    secured.client.get("/api/images")
    before = count()
    log_in(secured, "captiond_wrong")

    assert count() > before


def test_script_gets_json(secured: Api) -> None:
    key, token = secured.create_key("script", Scope.READ)
    json = {"Accept": "application/json"}

    accepted = log_in(secured, token, **json)
    refused = log_in(secured, make_token(), **json)

    assert (accepted.status_code, accepted.json()) == (200, {"name": key.principal.name})
    assert read_cookie(accepted).value
    assert problem(refused) == (401, "unauthorized")
    assert refused.headers.get_list("www-authenticate") == ['Bearer realm="captiond"']


@pytest.mark.parametrize(
    ("content", "result"),
    [
        (b"key=\xff", (422, "invalid-request")),
        (b"a&" * 20, (422, "invalid-request")),
        (b"x" * 200_000, (413, "too-large")),
    ],
)
def test_malformed_form_is_refused(secured: Api, content: bytes, result: tuple[int, str]) -> None:
    response = secured.client.post("/login", content=content, headers={"Accept": "application/json", **OWN})

    assert problem(response) == result


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example/", "/%09/evil.example", "javascript:x", ""]
)
def test_login_does_not_lead_to_another_site(secured: Api, reader: str, target: str) -> None:
    path = str(httpx.URL("/login", params={"next": target.replace("%09", "\t")}))

    assert log_in(secured, reader, path).headers["location"] == "/"
    assert 'action="/login?next=%2F"' in secured.client.get(path, headers=HTML).text


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("GET", "/", "/"),
        ("GET", "/images?q=a%26b", "/images?q=a%26b"),
        ("GET", "/ops", "/ops"),
        ("POST", "/", "/"),
        ("POST", "/ops/dead-letters", "/ops"),
        ("GET", "/nowhere", "/nowhere"),
    ],
)
def test_view_without_a_session_leads_to_the_login(secured: Api, method: str, path: str, target: str) -> None:
    response = secured.client.request(method, path, headers=HTML)

    assert response.status_code == 303
    location = httpx.URL(response.headers["location"])
    assert (location.path, location.params["next"]) == ("/login", target)
    assert "www-authenticate" not in response.headers


def test_redirect_to_the_login_keeps_the_prefix(secured: Api) -> None:
    response = secured.client.get("/images", headers={**HTML, "X-Forwarded-Prefix": "/cam"})

    assert response.headers["location"] == "/cam/login?next=%2Fimages"


@pytest.mark.parametrize(
    ("headers", "challenges"),
    [
        ({}, ["Bearer", "Basic"]),
        ({"Sec-Fetch-Site": "none"}, ["Bearer", "Basic"]),
        ({"Referer": "http://other.example/"}, ["Bearer", "Basic"]),
        ({"Referer": "http://["}, ["Bearer", "Basic"]),
        ({"Sec-Fetch-Site": "same-origin"}, ["Bearer"]),
        ({"Referer": "URL/images"}, ["Bearer"]),
    ],
)
@pytest.mark.parametrize("path", ["/api/images", "/api/events", f"/api/images/{IMAGE}/thumbnail"])
def test_request_of_the_page_opens_no_dialog(
    secured: Api, path: str, headers: dict[str, str], challenges: list[str]
) -> None:
    sent = {name: value.replace("URL", secured.url) for name, value in headers.items()}

    response = secured.client.get(path, headers=sent)

    assert problem(response) == (401, "unauthorized")
    assert [value.split()[0] for value in response.headers.get_list("www-authenticate")] == challenges


def test_script_that_requests_html_is_not_redirected(secured: Api) -> None:
    response = secured.client.get("/ops/live", headers={**HTML, **OWN, "X-Requested-With": "XMLHttpRequest"})

    assert response.status_code == 401
    assert "The session has ended." in response.text


def test_link_of_another_site_opens_the_view_again_as_a_link_of_this_one(secured: Api) -> None:
    path = "/login?next=/images%3Fq%3Dx"

    foreign = secured.client.get(path, headers={**HTML, "Sec-Fetch-Site": "cross-site"}).text
    own = secured.client.get(path, headers={**HTML, "Sec-Fetch-Site": "same-origin"}).text

    assert '<meta http-equiv="refresh" content="0;url=/images?q=x">' in foreign
    assert "http-equiv" not in own
