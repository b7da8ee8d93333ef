"""API keys over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from captiond.access import Scope
from captiond.archive import AuditEntry, AuditQuery
from captiond.services.api import AuditOptions
from tests.integration.api.serving import Api, Backends, open_api, problem
from tests.servers.queues import RedisServer


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app that requires keys. Its client is an administrator."""
    backends = Backends(valkey.url, tmp_path_factory.mktemp("keys"), requires_keys=True, audit=AuditOptions())
    with open_api(backends) as opened:
        _, token = opened.create_key("administrator", Scope.ADMIN)
        opened.client.headers["Authorization"] = f"Bearer {token}"
        yield opened


def create(api: Api, name: str, **fields: object) -> httpx.Response:
    return api.client.post("/api/keys", json={"name": name, "scopes": ["read"], **fields})


def recorded(api: Api, action: str) -> AuditEntry:
    assert api.context.audit
    return api.context.audit.log.store.page(AuditQuery(1, action=action))[0]


def status_with(api: Api, token: str, path: str = "/api/images") -> int:
    return api.client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def test_created_key_works_until_it_is_revoked(api: Api) -> None:
    created = create(api, "reader")
    assert created.status_code == 201
    assert created.headers["cache-control"] == "no-store"
    key = created.json()
    assert status_with(api, key["key"]) == 200
    assert status_with(api, key["key"], "/api/keys") == 403

    revoked = api.client.delete(f"/api/keys/{key['id']}")

    assert (revoked.status_code, revoked.content) == (204, b"")
    assert status_with(api, key["key"]) == 401  # at once in this process
    assert problem(api.client.delete(f"/api/keys/{key['id']}")) == (404, "unknown-key")
    assert problem(api.client.delete(f"/api/keys/{uuid4()}")) == (404, "unknown-key")


def test_key_has_its_limits_and_is_listed_without_its_secret(api: Api) -> None:
    expires_at = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    limits = {"camera": "gate", "networks": [" 10.0.0.0/8", "::1/128"], "expires_at": expires_at.isoformat()}
    created = create(api, "limited", scopes=["upload", "read", "read"], **limits).json()

    listed = api.client.get("/api/keys", params={"limit": 1}).json()

    secret = created.pop("key")
    assert listed == [created]
    assert secret not in str(listed)
    assert (created["state"], created["scopes"]) == ("active", ["read", "upload"])
    assert created["networks"] == ["10.0.0.0/8", "::1/128"]
    [key] = api.keys.page(1)
    assert (key.principal.camera, key.expires_at) == ("gate", expires_at)
    assert status_with(api, secret) == 403  # another network


def test_names_of_a_new_key_are_normalised(api: Api) -> None:
    camera = 64 * "e\u0301"

    created = create(api, "Cafe\u0301 ", camera=f" {camera}").json()

    assert (created["name"], created["camera"]) == ("Caf\u00e9", 64 * "\u00e9")


def test_list_has_pages_from_the_newest_to_the_oldest(api: Api) -> None:
    ids = [create(api, f"page {number}").json()["id"] for number in range(3)]

    first = api.client.get("/api/keys", params={"limit": 2})
    second = api.client.get(first.links["next"]["url"])

    assert [key["id"] for key in first.json()] == ids[:0:-1]
    assert second.json()[0]["id"] == ids[0]


def test_name_of_a_valid_key_is_taken(api: Api) -> None:
    first = create(api, "gate").json()

    assert problem(create(api, "gate")) == (409, "key-name-taken")
    api.client.delete(f"/api/keys/{first['id']}")
    assert create(api, "gate").status_code == 201


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": str(UUID(int=7))}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes.0"),
        ({"camera": "\u202e"}, "camera"),
        ({"networks": ["10.0.0.1/8"]}, "networks.0"),
        ({"networks": ["fe80::1%\0"]}, "networks.0"),
        ({"networks": ["10.0.0.0/8"] * 33}, "networks"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": 4102444800}, "expires_at"),
        ({"scope": "admin"}, "scope"),
    ],
)
def test_invalid_field_is_named(api: Api, fields: dict[str, object], field: str) -> None:
    response = create(api, **{"name": "invalid", **fields})  # type: ignore[arg-type] # a wrong name

    assert problem(response) == (422, "invalid-request")
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_audit_log_has_what_the_commands_write(api: Api) -> None:
    key = create(api, "audited", scopes=["read", "operate"]).json()
    api.client.delete(f"/api/keys/{key['id']}")
    summary = f"{key['id']} audited scopes=operate,read"

    for action, status in (("keys.create", "201"), ("keys.revoke", "204")):
        entry = recorded(api, action)
        assert (entry.actor, entry.result, entry.detail) == ("administrator", status, summary)
    create(api, "audited")
    create(api, "audited")
    assert (recorded(api, "keys.create").result, recorded(api, "keys.create").detail) == ("409", None)


def test_keys_are_not_managed_over_http_while_none_is_required(own_api: Api) -> None:
    for method, path in (("GET", "/api/keys"), ("DELETE", f"/api/keys/{uuid4()}")):
        assert problem(own_api.client.request(method, path)) == (403, "keys-not-required")
    assert problem(create(own_api, "admin", scopes=["admin"])) == (403, "keys-not-required")
    assert own_api.keys.load_all() == []
