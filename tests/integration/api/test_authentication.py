"""API keys of requests: where they are accepted, what refuses them, and that nothing shows them."""

import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from captiond.access import Scope, make_token
from captiond.access.groups import ProxyUsers
from tests.integration.api.raw import connect, exchange, parse, read_to_end
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

CONTENT = jpeg()
REVOCATION_SECONDS = 10.0
PROXY = ProxyUsers(b"x-auth-user", b"x-auth-groups", {"viewers": frozenset({Scope.READ})})


@pytest.fixture(scope="module")
def upload_key(secured: Api) -> str:
    return secured.create_key("uploads", Scope.UPLOAD)[1]


def basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def send(api: Api, url: str = "/api/images", camera: str | None = None, **headers: str) -> httpx.Response:
    fields = {"description": "x"} | ({"camera": camera} if camera else {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.client.post(url, files={"image": CONTENT}, data=fields, headers=named)


@pytest.mark.parametrize("form", ["bearer", "lower-case scheme", "header", "basic", "basic without user"])
def test_key_is_accepted_in_each_form(secured: Api, upload_key: str, form: str) -> None:
    headers = {
        "bearer": {"Authorization": f"Bearer {upload_key}"},
        "lower-case scheme": {"Authorization": f"bearer {upload_key}"},
        "header": {"X_API_Key": upload_key},
        "basic": {"Authorization": basic("camera", upload_key)},
        "basic without user": {"Authorization": basic("", upload_key)},
    }

    assert send(secured, **headers[form]).status_code == 202


def test_key_header_takes_precedence_over_the_password_of_a_proxy(secured: Api, upload_key: str) -> None:
    assert send(secured, Authorization=basic("anna", "secret"), X_API_Key=upload_key).status_code == 202


def test_every_invalid_key_gets_the_same_response(secured: Api) -> None:
    revoked, revoked_token = secured.create_key("revoked", Scope.UPLOAD)
    secured.keys.revoke(revoked.id)
    past = datetime.now(UTC) - timedelta(seconds=1)
    _, expired_token = secured.create_key("expired", Scope.UPLOAD, expires_at=past)
    values = {
        "missing": {},
        "malformed": {"Authorization": "Bearer captiond_x"},
        "not base64": {"Authorization": "Basic %%%"},
        "other scheme": {"Authorization": f"Digest {expired_token}"},
        "unknown": {"Authorization": f"Bearer {make_token()}"},
        "unknown in Basic": {"Authorization": basic("camera", make_token())},
        "revoked": {"Authorization": f"Bearer {revoked_token}"},
        "expired": {"X_API_Key": expired_token},
    }

    responses = {name: send(secured, **headers) for name, headers in values.items()}

    assert {problem(response) for response in responses.values()} == {(401, "unauthorized")}
    assert len({response.content for response in responses.values()}) == 1
    for response in responses.values():
        challenges = response.headers.get_list("www-authenticate")
        assert [challenge.split()[0] for challenge in challenges] == ["Bearer", "Basic"]


def test_repeated_key_header_is_refused(secured: Api, upload_key: str) -> None:
    headers = [("X-API-Key", upload_key), ("X-API-Key", make_token())]

    assert problem(secured.client.get("/api/images", headers=headers)) == (400, "repeated-header")


def test_upload_without_a_key_is_refused_before_its_body_is_read(secured: Api) -> None:
    requests = b"POST /api/images HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"

    with connect(secured) as connection:
        connection.sendall(requests)
        [response] = parse(read_to_end(connection))

    assert response.problem == (401, "unauthorized")
    assert response.headers["connection"] == "close"


def test_key_with_other_bytes_is_unknown(secured: Api) -> None:
    header = b"Authorization: Bearer captiond_\xff\xfe\r\n"

    [response] = exchange(secured, b"GET /api/images HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n")

    assert response.problem == (401, "unauthorized")


def test_route_without_a_rule_needs_the_scope_admin(secured: Api) -> None:
    secured.app.add_api_route("/api/new", lambda: "x")
    _, reader = secured.create_key("rule reader", Scope.READ, Scope.UPLOAD, Scope.OPERATE)
    _, admin = secured.create_key("rule admin", Scope.ADMIN)

    refused = secured.client.get("/api/new", headers={"X-API-Key": reader})
    assert problem(refused) == (403, "missing-scope")
    assert secured.client.get("/api/new", headers={"X-API-Key": admin}).status_code == 200
    assert problem(secured.client.put("/api/images", headers={"X-API-Key": reader})) == (403, "missing-scope")
    assert secured.client.put("/api/images", headers={"X-API-Key": admin}).status_code == 405


def test_new_key_is_accepted_at_once(secured: Api) -> None:
    for number in range(3):
        _, token = secured.create_key(f"new {number}", Scope.UPLOAD)
        assert send(secured, X_API_Key=token).status_code == 202


def test_revoked_key_is_refused_within_seconds_and_its_event_stream_ends(secured: Api) -> None:
    key, token = secured.create_key("leaver", Scope.READ)
    headers = {"Authorization": f"Bearer {token}"}
    with secured.client.stream("GET", "/api/events", headers=headers) as stream:
        assert stream.status_code == 200

        secured.keys.revoke(key.id)

        assert isinstance("".join(stream.iter_lines()), str)  # the stream ends
    assert secured.client.get("/api/images", headers=headers).status_code == 401


def test_use_of_a_key_is_recorded(secured: Api) -> None:
    key, token = secured.create_key("used", Scope.UPLOAD)
    before = datetime.now(UTC)
    send(secured, X_API_Key=token)

    deadline = time.monotonic() + REVOCATION_SECONDS
    while (used := next(each for each in secured.keys.load_all() if each.id == key.id).last_used_at) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)

    assert before <= used <= datetime.now(UTC)


def test_scope_is_required(secured: Api, upload_key: str) -> None:
    response = secured.client.get("/api/images", headers={"X-API-Key": upload_key})

    assert problem(response) == (403, "missing-scope")
    assert response.json()["detail"] == "The request needs the scope `read`; the API key has `upload`."


def test_key_is_limited_to_its_networks(secured: Api) -> None:
    _, inside = secured.create_key("inside", Scope.UPLOAD, networks=(ip_network("127.0.0.0/8"),))
    _, outside = secured.create_key("outside", Scope.UPLOAD, networks=(ip_network("10.0.0.0/8"),))

    assert send(secured, X_API_Key=inside).status_code == 202
    assert problem(send(secured, X_API_Key=outside)) == (403, "wrong-network")
    # The test's client is a trusted proxy.
    assert send(secured, X_API_Key=outside, X_Forwarded_For="10.1.2.3").status_code == 202
    assert problem(send(secured, X_API_Key=inside, X_Forwarded_For="10.1.2.3")) == (403, "wrong-network")


def test_key_is_limited_to_its_camera(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True)) as api:
        _, token = api.create_key("gate", Scope.UPLOAD, Scope.READ, camera="gate")
        key = {"X_API_Key": token}

        responses = [send(api, camera=camera, **key) for camera in (None, "gate")]
        other = send(api, camera="yard", **key)
        json_other = send(api, "/api/ingest/hikvision?camera=yard", **key)

        assert [response.json()["camera"] for response in responses] == ["gate", "gate"]
        assert problem(other) == (403, "wrong-camera")
        assert problem(json_other) == (403, "wrong-camera")


@pytest.mark.parametrize("name", ["Cafe\u0301", "Caf\u00e9", " Cafe\u0301 "])
def test_key_is_limited_to_the_normalised_name_of_its_camera(valkey: RedisServer, tmp_path: Path, name: str) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True)) as api:
        _, token = api.create_key("gate", Scope.UPLOAD, Scope.READ, camera=name)

        responses = [send(api, camera=camera, X_API_Key=token) for camera in (None, "Cafe\u0301", "Caf\u00e9 ")]
        event = send(api, f"/api/ingest/hikvision?camera={name}", X_API_Key=token)

        assert [response.json().get("camera") for response in responses] == 3 * ["Caf\u00e9"]
        assert problem(event)[1] != "wrong-camera"


def test_key_names_the_camera_of_a_device(valkey: RedisServer, tmp_path: Path) -> None:
    event = (
        b"<EventNotificationAlert><eventType>VMD</eventType><channelName>IP dome</channelName></EventNotificationAlert>"
    )
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True)) as api:
        _, token = api.create_key("gate", Scope.UPLOAD, Scope.READ, camera="gate")
        headers = {"Authorization": basic("admin", token)}

        sent = api.client.post(
            "/api/ingest/hikvision", files={"event.xml": event, "detectionPicture.jpg": CONTENT}, headers=headers
        )
        api.caption()
        api.store()
        [listed] = api.client.get("/api/images", headers=headers).json()

    assert sent.status_code == 202
    assert listed["camera"] == "gate"


def test_secrets_appear_neither_in_the_log_nor_in_responses(secured: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    _, token = secured.create_key("secret", Scope.READ)
    unknown = make_token()

    responses = [
        send(secured, X_API_Key=token),
        send(secured, X_API_Key=unknown),
        send(secured, Authorization=basic("camera", unknown)),
        secured.client.get("/api/images", headers={"X-API-Key": token}),
        secured.client.get("/images", headers={"X-API-Key": token, "Accept": "text/html"}),
    ]
    secured.context.rejections.write()

    shown = caplog.text + "".join(f"{response.text}{response.headers}" for response in responses)
    assert "missing-scope" in shown
    assert token[9:] not in shown
    assert unknown[9:] not in shown
    assert b64encode(f"camera:{unknown}".encode()).decode() not in shown


def test_page_is_shown_to_a_browser_with_a_key(secured: Api) -> None:
    _, token = secured.create_key("browser", Scope.READ)
    response = secured.client.get("/images", headers={"Authorization": basic("anna", token)})

    assert response.status_code == 200


def test_unknown_path_is_not_found_with_a_key(secured: Api, upload_key: str) -> None:
    key = {"X-API-Key": upload_key}

    assert secured.client.get("/api/unknown").status_code == 401
    assert secured.client.get("/api/unknown", headers=key).status_code == 404
    assert secured.client.post("/api/image", headers=key).status_code == 404


def test_prefix_of_a_proxy_opens_nothing(secured: Api) -> None:
    for prefix in ("/health", "/docs", "/static/x"):
        headers = {"X-Forwarded-Prefix": prefix}
        assert secured.client.get("/api/images", headers=headers).status_code == 401
    for path in (
        "/api//images",
        "//api/images",
        "/./api/images",
        "/health/../api/images",
        "/API/images",
        "/api/images/",
    ):
        response = secured.client.request("GET", f"{secured.url}{path}")
        assert response.status_code == 401, path


def test_user_of_a_trusted_proxy_has_the_scopes_of_the_groups(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True, proxy_users=PROXY)) as api:
        viewer = {"X-Auth-User": "anna", "X-Auth-Groups": "viewers,staff"}
        api.archive(record(CONTENT, "x"))

        assert len(api.client.get("/api/images", headers=viewer).json()) == 1
        # The proxy forwards the password of its own Basic authentication.
        password = {"Authorization": basic("anna", "secret"), **viewer}
        assert api.client.get("/api/images", headers=password).status_code == 200
        refused = api.client.get("/api/images", headers={"X-Auth-User": "boris"})
        assert problem(refused) == (403, "missing-scope")
        assert refused.json()["detail"] == "The request needs the scope `read`; the user has none."
        assert api.client.get("/api/images", headers={"X-Auth-Groups": "viewers"}).status_code == 401
        assert api.client.get("/api/images", headers={"X-Auth-User": "", "X-Auth-Groups": "viewers"}).status_code == 401
        repeated = [("X-Auth-User", "anna"), ("X-Auth-User", "boris")]
        assert problem(api.client.get("/api/images", headers=repeated)) == (400, "repeated-header")


def test_revoked_key_is_refused_also_with_a_user(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True, proxy_users=PROXY)) as api:
        headers = {"X-Auth-User": "anna", "X-Auth-Groups": "viewers", "X-API-Key": make_token()}

        assert api.client.get("/api/images", headers=headers).status_code == 401


def test_user_header_of_another_client_is_removed(valkey: RedisServer, tmp_path: Path) -> None:
    backends = Backends(valkey.url, tmp_path, requires_keys=True, proxy_users=PROXY, trusted_proxies="10.0.0.0/8")
    with open_api(backends) as api:
        headers = {"X-Auth-User": "anna", "X-Auth-Groups": "viewers", "X-Forwarded-For": "10.0.0.1"}

        assert api.client.get("/api/images", headers=headers).status_code == 401


def test_user_header_without_its_setting_is_ignored(secured: Api) -> None:
    headers = {"X-Auth-User": "anna", "X-Auth-Groups": "viewers"}

    assert secured.client.get("/api/images", headers=headers).status_code == 401


def test_outage_of_the_database_refuses_unknown_keys_only(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True)) as api:
        _, token = api.create_key("gate", Scope.UPLOAD)
        assert send(api, X_API_Key=token).status_code == 202

        (tmp_path / "captiond.db").rename(tmp_path / "moved.db")
        api.keys._engine.dispose()  # noqa: SLF001 - new connections find no file

        assert send(api, X_API_Key=token).status_code == 202
        unknown = send(api, X_API_Key=make_token())
        assert problem(unknown) == (503, "unavailable")
        assert "retry-after" in unknown.headers
        assert send(api).status_code == 401


def test_without_access_control_keys_are_ignored(own_api: Api) -> None:
    assert send(own_api).status_code == 202
    assert send(own_api, X_API_Key=make_token()).status_code == 202
