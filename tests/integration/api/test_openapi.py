from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from captiond.access import Scope
from captiond.operations.request_rates import RequestRate
from captiond.services.api.http.json_body import MAX_BODY_BYTES
from tests.integration.api.camera_requests import dahua, hikvision, post, read_queue
from tests.integration.api.serving import MAX_UPLOAD_BYTES, Api, Backends, jpeg, open_api
from tests.servers.queues import RedisServer

POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
UPLOAD, LISTING = ("POST", "/api/images"), ("GET", "/api/images")
EXPORT = ("GET", "/api/export.zip")
PREVIEW = ("POST", "/api/preview")
EVENTS = [("POST", f"/api/ingest/{source}") for source in ("hikvision", "dahua")]
IMAGE_PARTS = [
    ("GET", f"/api/images/{{image_id}}{part}")
    for part in ("", "/status", "/metadata", "/original", "/thumbnail", "/receipt", "/proof")
]
SEALS, PUBLIC_KEYS = ("GET", "/api/seals"), ("GET", "/.well-known/jwks.json")
DEAD_LETTERS, STATE = ("GET", "/api/dead-letters"), ("GET", "/api/operations")
AUDIT = ("GET", "/api/audit")
KEYS = [("GET", "/api/keys"), ("POST", "/api/keys"), ("DELETE", "/api/keys/{key_id}")]
WEBHOOKS = [("GET", "/api/webhooks"), ("POST", "/api/webhooks"), ("DELETE", "/api/webhooks/{webhook_id}")]
DEAD_LETTER = ("GET", "/api/dead-letters/{queue}/{entry}")
CHANGES = [("POST", f"/api/dead-letters/{action}") for action in ("retry", "drop")]
LIFECYCLE = [
    ("DELETE", "/api/images/{image_id}"),
    *((method, "/api/images/{image_id}/hold") for method in ("PUT", "DELETE")),
]
LIVE, READY = ("GET", "/health/live"), ("GET", "/health/ready")
PHOTO = {"image": jpeg()}
# Each is sent three times: with the key, without and with another.
EXAMPLES = 20
CASES = [
    *((operation, POSITIVE) for operation in (UPLOAD, PREVIEW, *EVENTS, LISTING, EXPORT, *IMAGE_PARTS, LIVE, READY)),
    *((operation, POSITIVE) for operation in (AUDIT, *KEYS, *WEBHOOKS, DEAD_LETTERS, DEAD_LETTER, *CHANGES)),
    *((operation, POSITIVE) for operation in (*LIFECYCLE, STATE, SEALS, PUBLIC_KEYS)),
    *(
        (operation, NEGATIVE)
        for operation in (AUDIT, *KEYS, *WEBHOOKS, DEAD_LETTERS, DEAD_LETTER, *CHANGES, *LIFECYCLE)
    ),
    *((operation, NEGATIVE) for operation in (UPLOAD, PREVIEW, *EVENTS, LISTING, EXPORT, *IMAGE_PARTS)),
]


EXCLUDED: dict[tuple[str, str], list[CheckFunction]] = {
    # A schema cannot require that a file starts like a JPEG or that a text is not blank. In a form everything is
    # text, so a number or null is a valid description.
    UPLOAD: [positive_data_acceptance, negative_data_rejection],
    # A text may be blank, a time invalid, and a narrow strip too high.
    PREVIEW: [positive_data_acceptance, negative_data_rejection],
    # As above. Unknown or missing fields of an event are not an error.
    **{operation: [positive_data_acceptance, negative_data_rejection] for operation in EVENTS},
    # FastAPI describes an optional parameter as nullable, but a query cannot contain null. The length of a name is that
    # of its normal form.
    LISTING: [positive_data_acceptance, negative_data_rejection],
    EXPORT: [positive_data_acceptance, negative_data_rejection],
    DEAD_LETTERS: [positive_data_acceptance],
    # As in the list. In a query, a number or null is a valid text.
    **{operation: [positive_data_acceptance, negative_data_rejection] for operation in (AUDIT, *LIFECYCLE)},
    # Of two keys with one name, one is refused. Its networks and its expiry have no schema of their own. The length of
    # a name is that of its normal form.
    **{operation: [positive_data_acceptance, negative_data_rejection] for operation in KEYS},
    # As above, and the schema does not describe the URL.
    **{operation: [positive_data_acceptance] for operation in WEBHOOKS},
}


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app that requires a key. Its client has one with every scope."""
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("api"), requires_keys=True)) as opened:
        _, token = opened.create_key("all", *Scope)
        opened.client.headers["Authorization"] = f"Bearer {token}"
        yield opened


@pytest.fixture(scope="module")
def schema(api: Api) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{api.url}/openapi.json")


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_responses_conform_to_the_openapi_document(
    api: Api, schema: BaseSchema, operation: tuple[str, str], mode: GenerationMode
) -> None:
    """Among the checks: operations with a security requirement refuse requests without a key and with another."""
    method, path = operation
    key = {"Authorization": api.client.headers["Authorization"]}
    excluded = EXCLUDED.get(operation, [])

    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def check(case: Case[Any]) -> None:
        case.call_and_validate(headers=key, excluded_checks=excluded)

    check()


UPLOADS = {
    "no format of an upload": ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 400),
    "no fields in JSON": ({"content": b"{}", "headers": {"Content-Type": "application/json"}}, 422),
    "not JSON": ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
    "bare JPEG without fields": ({"content": b"x", "headers": {"Content-Type": "image/jpeg"}}, 422),
    "no boundary": ({"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
    "malformed form": ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
    "repeated key": ({"files": PHOTO, "headers": [("Idempotency-Key", "x")] * 2}, 400),
    "wrong digest": ({"files": PHOTO, "headers": {"Content-Digest": "sha-256=:AAAA:"}}, 400),
    "large image": ({"files": {"image": b"\xff\xd8\xff" + bytes(MAX_UPLOAD_BYTES)}}, 413),
    "large other parts": ({"files": {"x": bytes(MAX_UPLOAD_BYTES + 1)}}, 413),
    "too many parts": ({"files": [("x", b"")] * 100}, 413),
    "no JPEG": ({"files": {"image": b"GIF89a"}, "data": {"description": "x"}}, 415),
    "missing description": ({"files": PHOTO}, 422),
    "blank description": ({"files": PHOTO, "data": {"description": "\u200b"}}, 422),
    "long description": ({"files": PHOTO, "data": {"description": "x" * 201}}, 422),
    "unknown charset": ({"files": PHOTO, "data": {"description": "x", "_charset_": "none"}}, 422),
    "other site": ({"files": PHOTO, "headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
    "invalid key": ({"files": PHOTO, "headers": {"Idempotency-Key": "a b"}}, 422),
}


@pytest.mark.parametrize(("request_", "status"), UPLOADS.values(), ids=UPLOADS.keys())
def test_each_rejection_of_an_upload_conforms_to_the_openapi_document(
    api: Api, schema: BaseSchema, request_: dict[str, Any], status: int
) -> None:
    request = api.client.build_request("POST", "/api/images", **request_)
    request.read()  # Schemathesis reads it after the response
    response = api.client.send(request)

    assert response.status_code == status
    schema["/api/images"]["POST"].validate_response(response)


PREVIEWS = {
    "no JSON": ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
    "other site": ({"json": {}, "headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
    "large body": ({"json": {"x": "x" * MAX_BODY_BYTES}}, 413),
    "no fields": ({"json": {}}, 422),
}


@pytest.mark.parametrize(("request_", "status"), PREVIEWS.values(), ids=PREVIEWS.keys())
def test_each_rejection_of_a_preview_conforms_to_the_openapi_document(
    api: Api, schema: BaseSchema, request_: dict[str, Any], status: int
) -> None:
    response = api.client.post("/api/preview", **request_)

    assert response.status_code == status
    schema["/api/preview"]["POST"].validate_response(response)


def test_rate_limit_and_example_of_a_preview_conform_to_the_openapi_document(
    valkey: RedisServer, schema: BaseSchema, tmp_path: Path
) -> None:
    with open_api(Backends(valkey.url, tmp_path, preview_rate=RequestRate("1/hour", "previews"))) as api:
        operation = api.client.get("/openapi.json").json()["paths"]["/api/preview"]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        responses = [api.client.post("/api/preview", json=example) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 429]
    for response in responses:
        schema["/api/preview"]["POST"].validate_response(response)


@pytest.mark.parametrize(
    ("path", "request_", "status"),
    [
        ("/api/ingest/hikvision", hikvision(), 202),
        ("/api/ingest/hikvision", post("", "application/xml", b"<a/>"), 200),
        ("/api/ingest/hikvision", post("", "text/html", b"x"), 400),
        ("/api/ingest/hikvision", hikvision([]), 422),
        ("/api/ingest/dahua", dahua(), 200),
        ("/api/ingest/dahua", post("", "application/json", b"{"), 400),
        ("/api/ingest/dahua", dahua({"NormalPic": {"Content": "R0lG"}}), 415),
    ],
)
def test_each_response_to_an_event_conforms_to_the_openapi_document(
    api: Api, schema: BaseSchema, path: str, request_: bytes, status: int
) -> None:
    head, _, body = request_.partition(b"\r\n\r\n")
    media_type = head.decode().partition("Content-Type: ")[2].partition("\r\n")[0]
    response = api.client.post(path, content=body, headers={"Content-Type": media_type})

    assert response.status_code == status
    schema[path]["POST"].validate_response(response)


def test_examples_of_json_bodies_are_accepted(own_api: Api) -> None:
    paths = own_api.client.get("/openapi.json").json()["paths"]
    image = paths["/api/images"]["post"]["requestBody"]["content"]["application/json"]["example"]
    events = {path: paths[path]["post"]["requestBody"]["content"] for _, path in EVENTS}
    dahua_events = events["/api/ingest/dahua"]["application/json"]["examples"]

    assert own_api.client.post("/api/images", json=image).status_code == 202
    assert own_api.client.post("/api/ingest/dahua", json=dahua_events["event"]["value"]).status_code == 200
    assert own_api.client.post("/api/ingest/dahua", json=dahua_events["heartbeat"]["value"]).status_code == 200
    other = events["/api/ingest/hikvision"]["application/json"]["schema"]["example"]
    assert own_api.client.post("/api/ingest/hikvision", json=other).status_code == 200
    assert len(read_queue(own_api)) == 2


def test_examples_of_forms_and_of_the_query_are_accepted(own_api: Api) -> None:
    paths = own_api.client.get("/openapi.json").json()["paths"]
    operation = paths["/api/images"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    texts = {name: schema["example"] for name, schema in form.items() if name != "image"}
    query = {field["name"]: field["schema"]["example"] for field in operation["parameters"] if field["in"] == "query"}
    charset = texts.pop("_charset_")
    encoded = {name: (None, text.encode(charset)) for name, text in texts.items()}
    event = paths["/api/ingest/hikvision"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    document = event["properties"]["anpr.xml"]["example"]

    responses = [
        own_api.client.post("/api/images", files={**PHOTO, "_charset_": (None, charset), **encoded}),
        own_api.client.post("/api/images", params=query, content=jpeg(), headers={"Content-Type": "image/jpeg"}),
        own_api.client.post("/api/ingest/hikvision", files={"anpr.xml": document, "detectionPicture.jpg": jpeg()}),
    ]

    assert [response.status_code for response in responses] == [202] * 3
    uploads = read_queue(own_api)
    assert [upload.image.description for upload in uploads[:2]] == [texts["description"]] * 2
    assert uploads[2].image.labels["plate"] == "A001MP77"


@pytest.mark.parametrize("path", ["/api/images", "/api/images/{image_id}", "/api/images/{image_id}/original"])
def test_rejection_of_a_host_conforms_to_the_openapi_document(
    valkey: RedisServer, schema: BaseSchema, tmp_path: Path, path: str
) -> None:
    with open_api(Backends(valkey.url, tmp_path, allowed_hosts=("captiond.example.com",))) as api:
        response = api.client.get(path.replace("{image_id}", str(uuid4())))

    assert response.status_code == 421
    schema[path]["GET"].validate_response(response)


def test_every_operation_is_tested_except_endless_streams(schema: BaseSchema) -> None:
    described = {(method.upper(), path) for path, operations in schema.items() for method in operations}

    assert described - {("GET", "/api/events"), ("GET", "/metrics")} == {operation for operation, _ in CASES}


def test_every_problem_is_documented_with_an_example(api: Api) -> None:
    document = api.client.get("/openapi.json").json()

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                assert response["description"], (method, path, status)
                if int(status) >= 400:
                    [(media_type, content)] = response["content"].items()
                    assert media_type == "application/problem+json"
                    assert content["schema"] == {"$ref": "#/components/schemas/ProblemBody"}
                    assert all(example["value"]["status"] == int(status) for example in content["examples"].values())
