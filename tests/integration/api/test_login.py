"""The login of the page over HTTP: its cookie, its redirects, its limits, and what each scope may see."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.cookies import Morsel, SimpleCookie
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from captiond.access import ApiKey, Scope, make_key, make_token
from captiond.access.groups import ProxyUsers
from captiond.access.sessions import SESSION_SECONDS, Session
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

HTML = {"Accept": "text/html"}
HTTPS = {"X-Forwarded-Proto": "https"}
# What a page's own form sends.
OWN = {"Sec-Fetch-Site": "same-origin"}
NAME = "captiond-session"
REVOCATION_SECONDS = 10.0
PROXY = ProxyUsers(b"x-auth-user", b"x-auth-groups", {"viewers": frozenset({Scope.READ})})


@pytest.fixture(scope="module")
def secured(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("api"), requires_keys=True)) as api:
        yield api


@pytest.fixture(scope="module")
def reader(secured: Api) -> str:
    """The secret of a key."""
    return secured.create_key("reader", Scope.READ)[1]


@pytest.fixture(scope="module")
def administrator(secured: Api) -> "Visitor":
    return visit(secured, *Scope)


@dataclass(frozen=True)
class Visitor:
    """A browser that has logged in."""

    api: Api
    key: ApiKey
    cookie: str

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, **body: object) -> httpx.Response:
        sent = {"Cookie": self.cookie, **HTML, **({} if method == "GET" else OWN), **(headers or {})}
        return self.api.client.request(method, path, headers=sent, **body)  # type: ignore[arg-type] # of httpx

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})


def log_in(api: Api, token: str, path: str = "/login", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = api.client.post(path, data={"key": token}, headers={**HTML, **OWN, **named})
    api.client.cookies.clear()  # each request states its cookie
    return response


def visit(api: Api, *scopes: Scope) -> Visitor:
    key, token = api.create_key(uuid4().hex, *scopes)
    cookie = read_cookie(log_in(api, token))
    return Visitor(api, key, f"{cookie.key}={cookie.value}")


def read_cookie(response: httpx.Response) -> "Morsel[str]":
    [morsel] = SimpleCookie(response.headers["set-cookie"]).values()
    return morsel


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
@pytest.mark.parametrize("path", ["/api/images", "/api/events", f"/api/images/{uuid4()}/thumbnail"])
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


def test_session_ends_when_its_key_is_revoked(secured: Api) -> None:
    visitor = visit(secured, Scope.READ)
    with secured.client.stream("GET", "/api/events", headers={"Cookie": visitor.cookie}) as stream:
        assert stream.status_code == 200
        secured.keys.revoke(visitor.key.id)
        assert isinstance("".join(stream.iter_lines()), str)  # the stream ends

    deadline = time.monotonic() + REVOCATION_SECONDS
    while visitor.get("/images").status_code != 303:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert problem(visitor.get("/api/images")) == (401, "unauthorized")


def test_expired_and_forged_sessions_are_refused(secured: Api) -> None:
    visitor = visit(secured, Scope.READ)
    stranger, _ = make_key("stranger", frozenset(Scope))
    name, _, value = visitor.cookie.partition("=")
    session = Session.parse(value)
    assert session
    foreign = Session.start(stranger, time.time())
    values = {
        "expired": Session.start(visitor.key, time.time() - SESSION_SECONDS).value,
        "unknown key": foreign.value,
        "signature of another key": Session(visitor.key.id, foreign.started_at, foreign.signature).value,
        "later": Session(session.key_id, session.started_at + 1, session.signature).value,
        "malformed": "x",
        "empty": "",
    }

    assert visitor.get("/images").status_code == 200
    for case, changed in values.items():
        response = secured.client.get("/api/images", headers={"Cookie": f"{name}={changed}"})
        assert problem(response) == (401, "unauthorized"), case


def test_logout_deletes_the_cookie(secured: Api) -> None:
    visitor = visit(secured, Scope.READ)

    response = visitor.request("POST", "/logout")
    cookie = read_cookie(response)

    assert (response.status_code, response.headers["location"]) == (303, "/login")
    assert (cookie.key, cookie.value, cookie["max-age"], cookie["path"]) == (NAME, "", "0", "/")


def test_key_of_a_request_takes_precedence_over_its_cookie(secured: Api) -> None:
    visitor = visit(secured, Scope.READ)
    _, token = secured.create_key("precedence", Scope.OPERATE)

    assert problem(visitor.get("/api/images", X_API_Key=token)) == (403, "missing-scope")
    assert problem(visitor.get("/api/images", X_API_Key=make_token())) == (401, "unauthorized")


def test_session_uploads_and_reads_with_the_scopes_of_its_key(secured: Api) -> None:
    visitor = visit(secured, Scope.UPLOAD, Scope.READ)
    files = {"image": ("photo.jpg", jpeg(), "image/jpeg")}

    sent = visitor.request("POST", "/api/images", files=files, data={"description": "x"})
    assert sent.status_code == 202
    assert visitor.get(f"/api/images/{sent.json()['id']}/status").status_code == 200
    assert problem(visitor.get("/api/operations")) == (403, "missing-scope")


UNSAFE = [("POST", "/api/images"), ("POST", "/"), ("POST", "/ops/dead-letters"), ("POST", "/api/dead-letters/drop")]
UNSAFE += [("PUT", "/api/x"), ("DELETE", "/api/images/x"), ("PATCH", "/api/x")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_cookie_authenticates_no_request_of_another_site(
    secured: Api, administrator: Visitor, method: str, path: str, headers: dict[str, str]
) -> None:
    response = secured.client.request(method, path, headers={"Cookie": administrator.cookie, **headers})

    assert problem(response) == (403, "cross-site-request")


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}])
def test_another_site_can_neither_log_in_nor_out(secured: Api, reader: str, path: str, headers: dict[str, str]) -> None:
    response = secured.client.post(path, data={"key": reader}, headers=headers)

    assert problem(response) == (403, "cross-site-request")
    assert "set-cookie" not in response.headers


UPLOAD, READ, OPERATE, ADMIN = ({scope} for scope in Scope)
# For each view: what each scope gets, a status or the view to which it leads.
VIEWS: dict[str, dict[Scope, int | str]] = {
    "/": {Scope.UPLOAD: 200, Scope.READ: "/images", Scope.OPERATE: "/ops", Scope.ADMIN: 403},
    "/images": {Scope.UPLOAD: 403, Scope.READ: 200, Scope.OPERATE: 403, Scope.ADMIN: 403},
    "/images/{id}": {Scope.UPLOAD: 403, Scope.READ: 200, Scope.OPERATE: 403, Scope.ADMIN: 403},
    "/ops": {Scope.UPLOAD: 403, Scope.READ: 403, Scope.OPERATE: 200, Scope.ADMIN: 403},
}
LINKS = {Scope.UPLOAD: ["/"], Scope.READ: ["/images"], Scope.OPERATE: ["/ops"], Scope.ADMIN: []}


@pytest.mark.parametrize("scope", Scope)
def test_each_scope_sees_its_views_only(secured: Api, scope: Scope) -> None:
    [image] = secured.archive(record(jpeg(), "x"))
    visitor = visit(secured, scope)

    for path, outcomes in VIEWS.items():
        response = visitor.get(path.format(id=image.id))
        if isinstance(outcome := outcomes[scope], str):
            assert (response.status_code, response.headers["location"]) == (303, outcome)
            continue
        assert response.status_code == outcome, path
        navigation = re.search(r"<nav.*?</nav>", response.text, re.DOTALL)
        assert navigation
        assert re.findall(r'href="([^"]*)"', navigation[0]) == LINKS[scope]
        assert visitor.key.principal.name in response.text
        assert 'action="/logout"' in response.text
        if outcome == 403:
            assert "Log in with another key" in response.text
            assert "Your API key does not allow this page." in response.text
            assert f"<dd>{scope}</dd>" in response.text


def test_form_of_a_key_that_may_not_read_reports_the_image(secured: Api) -> None:
    visitor = visit(secured, Scope.UPLOAD)
    files = {"image": ("photo.jpg", jpeg(), "image/jpeg")}

    sent = visitor.request("POST", "/", files=files, data={"description": "x"})
    assert sent.status_code == 303
    shown = visitor.get(sent.headers["location"])

    image_id = sent.headers["location"].partition("=")[2]
    assert shown.status_code == 200
    assert f"The image has been accepted: <code>{image_id}</code>" in shown.text


def test_user_of_a_proxy_sees_neither_login_nor_logout(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True, proxy_users=PROXY)) as api:
        headers = {**HTML, "X-Auth-User": "anna", "X-Auth-Groups": "viewers"}

        archive = api.client.get("/images", headers=headers)
        operations = api.client.get("/ops", headers=headers)

        assert (archive.status_code, operations.status_code) == (200, 403)
        for page in (archive.text, operations.text):
            assert "anna" in page
            assert "/login" not in page
            assert "/logout" not in page


def test_without_access_control_there_is_no_login(api: Api) -> None:
    page = api.client.get("/", headers=HTML).text

    assert re.findall(r'href="(/(?:images|ops)?)"', re.findall(r"<nav.*?</nav>", page, re.DOTALL)[0]) == [
        "/",
        "/images",
        "/ops",
    ]
    assert "/log" not in page
    assert api.client.get("/login", headers=HTML).status_code == 404
    assert api.client.post("/logout").status_code == 404


def test_outage_of_the_database_ends_no_session(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True)) as api:
        visitor = visit(api, Scope.UPLOAD)
        (tmp_path / "captiond.db").rename(tmp_path / "moved.db")
        api.keys._engine.dispose()  # noqa: SLF001 - new connections find no file

        assert visitor.get("/").status_code == 200
        assert log_in(api, make_token()).status_code == 503
