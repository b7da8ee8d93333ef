"""Sessions of the page over HTTP: their end, requests of other sites, and what each scope may see."""

import re
import time
from pathlib import Path

import pytest

from captiond.access import Scope, make_key, make_token
from captiond.access.groups import ProxyUsers
from captiond.access.sessions import SESSION_SECONDS, Session
from captiond.services.api import AccessControl
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.integration.api.visitors import HTML, NAME, Visitor, log_in, read_cookie, visit
from tests.servers.queues import RedisServer

REVOCATION_SECONDS = 10.0
PROXY = ProxyUsers(b"x-auth-user", b"x-auth-groups", {"viewers": frozenset({Scope.READ})})


@pytest.fixture(scope="module")
def reader(secured: Api) -> str:
    """The secret of a key."""
    return secured.create_key("reader", Scope.READ)[1]


@pytest.fixture(scope="module")
def administrator(secured: Api) -> "Visitor":
    return visit(secured, *Scope)


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
    access: AccessControl = secured.app.state.access
    secret = access.session_secret.value
    foreign = Session.start(stranger, secret, time.time())
    values = {
        "expired": Session.start(visitor.key, secret, time.time() - SESSION_SECONDS).value,
        "unknown key": foreign.value,
        "signature of another key": Session(visitor.key.id, foreign.started_at, foreign.signature).value,
        "later": Session(session.key_id, session.started_at + 1, session.signature).value,
        "digest of the key alone": Session.start(visitor.key, b"", time.time()).value,
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


# For each view: what each scope gets, a status or the view to which it leads.
VIEWS: dict[str, dict[Scope, int | str]] = {
    "/": {Scope.UPLOAD: 200, Scope.READ: "/images", Scope.OPERATE: "/ops", Scope.ADMIN: "/ops/audit"},
    "/images": {Scope.UPLOAD: 403, Scope.READ: 200, Scope.OPERATE: 403, Scope.ADMIN: 403},
    "/images/{id}": {Scope.UPLOAD: 403, Scope.READ: 200, Scope.OPERATE: 403, Scope.ADMIN: 403},
    "/ops": {Scope.UPLOAD: 403, Scope.READ: 403, Scope.OPERATE: 200, Scope.ADMIN: 403},
    "/ops/audit": {Scope.UPLOAD: 403, Scope.READ: 403, Scope.OPERATE: 403, Scope.ADMIN: 200},
    "/ops/keys": {Scope.UPLOAD: 403, Scope.READ: 403, Scope.OPERATE: 403, Scope.ADMIN: 200},
    "/ops/webhooks": {Scope.UPLOAD: 403, Scope.READ: 403, Scope.OPERATE: 403, Scope.ADMIN: 200},
    "/seals": {Scope.UPLOAD: 403, Scope.READ: 200, Scope.OPERATE: 403, Scope.ADMIN: 403},
}


LINKS = {Scope.UPLOAD: ["/"], Scope.READ: ["/images"], Scope.OPERATE: ["/ops"], Scope.ADMIN: ["/ops/audit"]}


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
            assert '"/login' not in page
            assert '"/logout' not in page


def test_without_access_control_there_is_no_login(api: Api) -> None:
    page = api.client.get("/", headers=HTML).text

    assert re.findall(r'href="(/(?:images|ops)?)"', re.findall(r"<nav.*?</nav>", page, re.DOTALL)[0]) == [
        "/",
        "/images",
        "/ops",
    ]
    assert '"/log' not in page
    assert api.client.get("/login", headers=HTML).status_code == 404
    assert api.client.post("/logout").status_code == 404


def test_outage_of_the_database_ends_no_session(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True)) as api:
        visitor = visit(api, Scope.UPLOAD)
        (tmp_path / "captiond.db").rename(tmp_path / "moved.db")
        api.keys._engine.dispose()  # noqa: SLF001 - new connections find no file

        assert visitor.get("/").status_code == 200
        assert log_in(api, make_token()).status_code == 503
