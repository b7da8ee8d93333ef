"""What the audit log has of requests, and its list."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from captiond.access import Scope, make_token
from captiond.archive import AuditEntry, AuditQuery
from captiond.services.api import Audit, AuditOptions
from captiond.services.api.security.audit_trail import FAILED_LOGINS, Kind, find_action
from tests.contract.workqueue.queues import wait_until
from tests.integration.api.camera_requests import NOTIFICATION
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.integration.api.visitors import log_in
from tests.servers.queues import RedisServer

PHOTO = jpeg()
FAILED_PER_MINUTE = int(FAILED_LOGINS.partition("/")[0])
IMAGE = "0196d1f4-3c00-7000-8000-000000000001"


@pytest.fixture(scope="module")
def audited(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app that requires keys."""
    folder = tmp_path_factory.mktemp("audited")
    with open_api(Backends(valkey.url, folder, requires_keys=True, audit=AuditOptions(uploads=True))) as api:
        yield api


def log_of(api: Api) -> Audit:
    assert api.context.audit is not None
    return api.context.audit


def entries(api: Api) -> list[AuditEntry]:
    """All entries, the oldest first, after those that are being written."""
    log_of(api).log.record_now(AuditEntry("test", "ok")).result(30)
    found = reversed(log_of(api).log.store.page(AuditQuery(limit=1000)))
    return [entry for entry in found if entry.action != "test"]


def actions(api: Api) -> list[tuple[str, str]]:
    return [(entry.action, entry.result) for entry in entries(api)]


def new_entries(api: Api, request: Callable[[], httpx.Response]) -> list[AuditEntry]:
    before = len(entries(api))
    request()
    return entries(api)[before:]


def test_upload_has_key_address_and_image(audited: Api) -> None:
    key, token = audited.create_key("gate", Scope.UPLOAD)

    [entry] = new_entries(audited, lambda: audited.send(PHOTO, "x", X_API_Key=token))

    assert (entry.action, entry.result, entry.actor, entry.key_id) == ("upload", "202", "gate", key.id)
    assert entry.address == "127.0.0.1"
    assert entry.image_id is not None
    assert audited.broker.jobs.find(str(entry.image_id)) is not None


def test_each_picture_of_an_event_has_an_entry(own_audited: Api) -> None:
    accepted = own_audited.client.post("/api/ingest/dahua/NotificationInfo/TollgateInfo", json=NOTIFICATION)
    assert accepted.status_code == 200, accepted.text

    found = entries(own_audited)

    assert {(entry.action, entry.result, entry.actor) for entry in found} == {("upload", "200", None)}
    assert len({entry.image_id for entry in found}) == 2


def test_refused_upload_is_recorded_with_its_status(audited: Api) -> None:
    _, token = audited.create_key("broken", Scope.UPLOAD)

    [entry] = new_entries(audited, lambda: audited.send(b"GIF89a", "x", X_API_Key=token))

    assert (entry.action, entry.result, entry.image_id) == ("upload", "415", None)


@pytest.mark.parametrize(
    ("path", "action"), [("", "read.image"), ("/original", "read.original"), ("/thumbnail", None), ("/status", None)]
)
def test_reads_of_images_and_originals_are_recorded(audited: Api, path: str, action: str | None) -> None:
    [image] = audited.archive(record(PHOTO, "x"))
    _, token = audited.create_key(f"reader{path}", Scope.READ)
    url, headers = f"/api/images/{image.id}{path}", {"X-API-Key": token}

    found = new_entries(audited, lambda: audited.client.get(url, headers=headers))

    assert [(entry.action, entry.image_id) for entry in found] == ([(action, image.id)] if action else [])


def test_missing_scope_is_recorded_and_a_missing_key_is_not(audited: Api) -> None:
    key, token = audited.create_key("only-upload", Scope.UPLOAD)
    url = f"/api/images/{uuid4()}"

    assert new_entries(audited, lambda: audited.client.get(url)) == []
    assert new_entries(audited, lambda: audited.client.get(url, headers={"X-API-Key": "x"})) == []
    [entry] = new_entries(audited, lambda: audited.client.get(url, headers={"X-API-Key": token}))

    assert (entry.action, entry.result, entry.key_id) == ("read.image", "403", key.id)


def test_change_of_dead_letters_is_stored_before_its_response(audited: Api) -> None:
    _, sender = audited.create_key("sender", Scope.UPLOAD)
    key, token = audited.create_key("operator", Scope.OPERATE)
    image_id = audited.send(PHOTO, "x", X_API_Key=sender).json()["id"]
    audited.fail(ValueError("x"))

    done = audited.client.post("/api/dead-letters/drop", json={"all": True}, headers={"X-API-Key": token})

    assert done.status_code == 200
    [entry] = log_of(audited).log.store.page(AuditQuery(action="dead-letters.drop"))
    assert (entry.result, entry.actor, entry.key_id) == ("200", "operator", key.id)
    assert image_id in str(entry.detail)


def test_form_of_the_page_is_recorded_after_its_confirmation_only(own_audited: Api) -> None:
    own_audited.send(PHOTO, "x")
    own_audited.fail(ValueError("x"))
    headers = {"Origin": own_audited.url}

    asked = own_audited.client.post("/ops/dead-letters", data={"action": "drop-all"}, headers=headers)
    assert asked.status_code == 200
    assert [name for name, _ in actions(own_audited)] == ["upload"]
    done = own_audited.client.post("/ops/dead-letters", data={"action": "drop-all", "confirmed": "1"}, headers=headers)
    assert done.status_code == 303, done.text

    assert actions(own_audited)[1:] == [("dead-letters.drop", "303")]


def test_unavailable_database_does_not_prevent_changes(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, audit=AuditOptions(uploads=True))) as api:
        (tmp_path / "captiond.db").rename(tmp_path / "away.db")
        api.send(PHOTO, "x")
        api.fail(ValueError("x"))

        done = api.client.post("/api/dead-letters/retry", json={"all": True})

        assert done.json()["retried"] == 1
        lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
        assert [line["action"] for line in lines if line["action"] != "upload"] == ["dead-letters.retry"]
        (tmp_path / "away.db").rename(tmp_path / "captiond.db")
        wait_until(lambda: ("dead-letters.retry", "200") in actions(api))


@pytest.mark.parametrize(
    ("options", "recorded"),
    [
        (AuditOptions(), ["read.image"]),
        (AuditOptions(uploads=True, reads=0), ["upload"]),
        (AuditOptions(thumbnails=True), ["read.image", "read.thumbnail"]),
    ],
)
def test_options_choose_uploads_and_reads(
    valkey: RedisServer, tmp_path: Path, options: AuditOptions, recorded: list[str]
) -> None:
    with open_api(Backends(valkey.url, tmp_path, audit=options)) as api:
        [image] = api.archive(record(PHOTO, "x"))

        api.send(PHOTO, "x")
        api.client.get(f"/api/images/{image.id}")
        api.client.head(f"/api/images/{image.id}")
        api.client.get(f"/api/images/{image.id}/thumbnail")

        assert [action for action, _ in actions(api)] == recorded


def test_reads_are_sampled(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, audit=AuditOptions(reads=50))) as api:
        for _ in range(100):
            api.client.get(f"/api/images/{uuid4()}")

        assert 5 < len(entries(api)) < 95  # the chance of another number is below 10^-20


def test_no_secret_and_no_image_is_recorded(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True, audit=AuditOptions(uploads=True))) as api:
        _, token = api.create_key("gate", Scope.UPLOAD, Scope.OPERATE, Scope.ADMIN)
        basic = base64.b64encode(f"any:{token}".encode()).decode()
        api.send(PHOTO, "a description", Authorization=f"Bearer {token}")
        api.send(PHOTO, "a description", X_API_Key=token)
        api.client.post("/api/dead-letters/retry", json={"all": True}, headers={"Authorization": f"Basic {basic}"})
        api.client.get(f"/api/audit?who={token}", headers={"X-API-Key": token})
        listed = entries(api)

        text = (tmp_path / "audit.log").read_text() + repr(listed)

    assert len(listed) == 3
    for secret in (token, token.removeprefix("captiond_"), basic, "a description", "JFIF"):
        assert secret not in text


def test_list_has_filters_and_pages(own_audited: Api) -> None:
    for _ in range(3):
        own_audited.send(PHOTO, "x")
    [image] = own_audited.archive(record(PHOTO, "x"))
    own_audited.client.get(f"/api/images/{image.id}")
    assert len(entries(own_audited)) == 4

    def listed(**parameters: str) -> list[dict[str, str | None]]:
        response = own_audited.client.get("/api/audit", params=parameters)
        assert response.status_code == 200, response.text
        return list(response.json())

    [read] = listed(image=str(image.id))
    assert read["recorded_at"] is not None
    assert read["recorded_at"].endswith("Z")
    assert (read["action"], read["result"], read["actor"], read["address"]) == ("read.image", "200", None, "127.0.0.1")
    assert [entry["action"] for entry in listed(action="upload", who="127.0.0.1")] == ["upload"] * 3
    assert listed(since="2999-01-01T00:00:00Z") == listed(who="nobody") == []
    pages, url = [], "/api/audit?action=upload&limit=2"
    while url:
        response = own_audited.client.get(url)
        pages.append(response.json())
        url = str(response.links["next"]["url"]) if "next" in response.links else ""
    assert [len(page) for page in pages] == [2, 1]
    assert len({entry["id"] for page in pages for entry in page}) == 3


def test_list_needs_the_scope_admin(audited: Api) -> None:
    tokens = {scope: audited.create_key(f"lists-{scope}", scope)[1] for scope in Scope}

    found = {scope: audited.client.get("/api/audit", headers={"X-API-Key": token}) for scope, token in tokens.items()}

    assert {scope: response.status_code for scope, response in found.items()} == {
        Scope.UPLOAD: 403,
        Scope.READ: 403,
        Scope.OPERATE: 403,
        Scope.ADMIN: 200,
    }


def test_list_is_for_this_host_without_keys(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, audience="none", audit=AuditOptions(uploads=True))) as api:
        assert problem(api.client.get("/api/audit")) == (403, "operations-disabled")


def test_logins_are_recorded_without_keys_and_failed_ones_up_to_a_limit(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True, audit=AuditOptions())) as api:
        key, token = api.create_key("anna", Scope.READ)
        wrong = make_token()

        assert log_in(api, token).status_code == 303
        for _ in range(FAILED_PER_MINUTE + 2):
            assert log_in(api, wrong).status_code == 401
        assert log_in(api, token).status_code == 303

        found = entries(api)
        assert [entry.result for entry in found] == ["303", *["401"] * FAILED_PER_MINUTE, "303"]
        assert {(entry.action, entry.address) for entry in found} == {("login", "127.0.0.1")}
        assert (found[0].actor, found[0].key_id) == ("anna", key.id)
        assert (found[1].actor, found[1].key_id) == (None, None)
        written = (tmp_path / "audit.log").read_text()
        assert written.count('"login"') == len(found)
        assert not [text for text in (token, wrong) if text.removeprefix("captiond_") in written]


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("POST", "/api/images", (Kind.UPLOAD, "upload")),
        ("POST", "/api/ingest/hikvision/any", (Kind.UPLOAD, "upload")),
        ("GET", "/api/export.zip", (Kind.READ, "read.export")),
        ("GET", "/api/images", None),
        ("GET", "/api/audit", None),
        ("POST", "/api/preview", None),
        ("POST", "/api/dead-letters/retry", (Kind.CHANGE, "dead-letters.retry")),
        ("DELETE", f"/api/images/{IMAGE}", (Kind.CHANGE, "images.delete")),
        ("PUT", f"/api/images/{IMAGE}/hold", (Kind.CHANGE, "images.hold")),
        ("DELETE", f"/api/images/{IMAGE}/hold", (Kind.CHANGE, "images.unhold")),
        ("POST", "/api/keys", (Kind.CHANGE, "keys.create")),
        ("POST", "/ops/dead-letters", (Kind.CHANGE, "")),
        ("POST", "/login", (Kind.LOGIN, "login")),
        ("GET", "/login", None),
    ],
)
def test_action_is_named_after_the_request(method: str, path: str, found: tuple[Kind, str] | None) -> None:
    assert find_action(method, path) == found


@pytest.fixture
def own_audited(valkey: RedisServer, tmp_path: Path) -> Iterator[Api]:
    """An app without keys, whose audit log is empty."""
    with open_api(Backends(valkey.url, tmp_path, audit=AuditOptions(uploads=True))) as api:
        yield api
