"""Every scope against every endpoint, with the scopes that an operator expects written out here."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Mount, Route

from captiond.access import Scope
from tests.integration.api.serving import Api, Backends, open_api
from tests.servers.queues import RedisServer

UPLOAD, READ, OPERATE, ADMIN = ({scope} for scope in Scope)
VIEWS = UPLOAD | READ | OPERATE | ADMIN
OPEN = None
# The scopes that each operation of the OpenAPI document accepts.
OPERATIONS: dict[tuple[str, str], set[Scope] | None] = {
    ("POST", "/api/images"): UPLOAD,
    ("POST", "/api/preview"): UPLOAD,
    ("POST", "/api/ingest/hikvision"): UPLOAD,
    ("POST", "/api/ingest/dahua"): UPLOAD,
    ("GET", "/api/images"): READ,
    ("GET", "/api/images/{image_id}"): READ,
    ("GET", "/api/images/{image_id}/original"): READ,
    ("GET", "/api/images/{image_id}/status"): READ,
    ("GET", "/api/images/{image_id}/metadata"): READ,
    ("GET", "/api/images/{image_id}/thumbnail"): READ,
    ("GET", "/api/images/{image_id}/receipt"): READ,
    ("GET", "/api/images/{image_id}/proof"): READ,
    ("GET", "/api/seals"): READ,
    ("GET", "/.well-known/jwks.json"): OPEN,
    ("DELETE", "/api/images/{image_id}"): ADMIN,
    ("PUT", "/api/images/{image_id}/hold"): ADMIN,
    ("DELETE", "/api/images/{image_id}/hold"): ADMIN,
    ("GET", "/api/export.zip"): READ,
    ("GET", "/api/events"): READ,
    ("GET", "/api/dead-letters"): OPERATE,
    ("GET", "/api/dead-letters/{queue}/{entry}"): OPERATE,
    ("POST", "/api/dead-letters/retry"): OPERATE,
    ("POST", "/api/dead-letters/drop"): OPERATE,
    ("GET", "/api/operations"): OPERATE,
    ("GET", "/api/audit"): ADMIN,
    ("GET", "/api/webhooks"): ADMIN,
    ("POST", "/api/webhooks"): ADMIN,
    ("DELETE", "/api/webhooks/{webhook_id}"): ADMIN,
    ("GET", "/api/keys"): ADMIN,
    ("POST", "/api/keys"): ADMIN,
    ("DELETE", "/api/keys/{key_id}"): ADMIN,
    ("GET", "/health/live"): OPEN,
    ("GET", "/health/ready"): OPEN,
    ("GET", "/metrics"): READ | OPERATE,
}
# The routes that it omits.
HIDDEN: dict[tuple[str, str], set[Scope] | None] = {
    ("HEAD", "/api/images/{image_id}"): READ,
    ("HEAD", "/api/images/{image_id}/original"): READ,
    ("HEAD", "/api/images/{image_id}/thumbnail"): READ,
    ("POST", "/api/ingest/hikvision/{path:path}"): UPLOAD,
    ("POST", "/api/ingest/dahua/{path:path}"): UPLOAD,
    ("GET", "/api/ingest/dahua/NotificationInfo/KeepAlive"): UPLOAD,
    ("GET", "/"): VIEWS,
    ("GET", "/login"): OPEN,
    ("POST", "/login"): OPEN,
    ("POST", "/logout"): OPEN,
    ("POST", "/"): UPLOAD,
    ("GET", "/images"): READ,
    ("GET", "/images/cards"): READ,
    ("GET", "/images/{image_id}"): READ,
    ("POST", "/images/{image_id}"): ADMIN,
    ("GET", "/seals"): READ,
    ("GET", "/ops/audit"): ADMIN,
    ("GET", "/ops/keys"): ADMIN,
    ("POST", "/ops/keys"): ADMIN,
    ("GET", "/ops/keys/{key_id}/revoke"): ADMIN,
    ("POST", "/ops/keys/{key_id}/revoke"): ADMIN,
    ("GET", "/ops/webhooks"): ADMIN,
    ("POST", "/ops/webhooks"): ADMIN,
    ("GET", "/ops/webhooks/{webhook_id}/rotate"): ADMIN,
    ("POST", "/ops/webhooks/{webhook_id}/rotate"): ADMIN,
    ("POST", "/ops/webhooks/{webhook_id}/enable"): ADMIN,
    ("GET", "/ops/webhooks/{webhook_id}/delete"): ADMIN,
    ("POST", "/ops/webhooks/{webhook_id}/delete"): ADMIN,
    ("GET", "/ops"): OPERATE,
    ("GET", "/ops/live"): OPERATE,
    ("GET", "/ops/dead-letters/{queue}/{entry}"): OPERATE,
    ("POST", "/ops/dead-letters"): OPERATE,
    ("GET", "/docs"): OPEN,
    ("GET", "/redoc"): OPEN,
    ("GET", "/redoc.standalone.js"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("HEAD", "/openapi.json"): OPEN,
}
ENDPOINTS = {**OPERATIONS, **HIDDEN}
REFUSALS = {401: "unauthorized", 403: "missing-scope"}


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("api"), requires_keys=True)) as api:
        yield api


@pytest.fixture(scope="module")
def tokens(api: Api) -> dict[Scope, str]:
    """A key for each scope."""
    return {scope: api.create_key(scope, scope)[1] for scope in Scope}


def request(api: Api, method: str, path: str, token: str | None = None) -> int:
    """Send a request without a body. Returns its status; checks the body of a refusal."""
    url = re.sub(r"\{[^}]*\}", str(uuid4()), path)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with api.client.stream(method, url, headers=headers) as response:
        status = response.status_code
        if status in REFUSALS and method != "HEAD":
            response.read()
            assert response.json()["type"] == f"urn:captiond:problem:{REFUSALS[status]}"
    return status


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_endpoint_is_refused_without_a_key_unless_it_is_open(api: Api, method: str, path: str) -> None:
    status = request(api, method, path)

    if (method, path) == ("POST", "/login"):
        assert status == 401  # the form lacks its key
        return
    assert (status == 401) == (ENDPOINTS[method, path] is not OPEN)


@pytest.mark.parametrize(("method", "path"), [endpoint for endpoint, scopes in ENDPOINTS.items() if scopes is not OPEN])
@pytest.mark.parametrize("scope", Scope)
def test_endpoint_needs_its_scope(api: Api, tokens: dict[Scope, str], method: str, path: str, scope: Scope) -> None:
    status = request(api, method, path, tokens[scope])

    accepted = ENDPOINTS[method, path]
    assert accepted is not OPEN
    assert status != 401
    assert (status == 403) == (scope not in accepted)


@pytest.mark.parametrize(("method", "path"), [endpoint for endpoint, scopes in ENDPOINTS.items() if scopes is not OPEN])
@pytest.mark.parametrize("other", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_no_other_method_is_reachable_without_a_key(api: Api, method: str, path: str, other: str) -> None:
    assert request(api, other, path) == 401, method


def test_every_operation_of_the_document_is_listed_here(api: Api) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]

    assert {(method.upper(), path) for path, operations in paths.items() for method in operations} == set(OPERATIONS)


def test_every_route_is_listed_here(api: Api) -> None:
    assert {endpoint for route in iter_route_contexts(api.app.routes) for endpoint in endpoints_of(route)} <= set(
        ENDPOINTS
    )


def test_document_names_the_scopes(api: Api) -> None:
    document = api.client.get("/openapi.json").json()

    schemes = document["components"]["securitySchemes"]
    assert {(scheme["type"], scheme.get("scheme", scheme.get("name"))) for scheme in schemes.values()} == {
        ("http", "bearer"),
        ("http", "basic"),
        ("apiKey", "X-API-Key"),
    }
    for (method, path), accepted in OPERATIONS.items():
        operation = document["paths"][path][method.lower()]
        named = {scope for each in operation["security"] for scopes in each.values() for scope in scopes}
        assert named == (accepted or set()), path
        assert ("401" in operation["responses"]) == (accepted is not OPEN)
        assert all(len(each) == 1 for each in operation["security"])


def test_document_requires_no_key_while_access_control_is_off(own_api: Api) -> None:
    document = own_api.client.get("/openapi.json").json()

    assert document["paths"]["/api/images"]["get"]["security"][0] == {}


def endpoints_of(route: RouteContext) -> set[tuple[str, str]]:
    """The methods and paths of a route. Mounted folders contain scripts and styles only."""
    assert route.path is not None
    if isinstance(route.original_route, Mount):
        assert route.path.startswith(("/static/", "/static-offline-docs"))
        return set()
    assert isinstance(route.original_route, Route)
    return {(method, route.path) for method in route.methods or ()}
