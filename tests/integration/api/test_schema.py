from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.integration.api.serving import Api

POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
UPLOAD, LISTING = ("POST", "/api/images"), ("GET", "/api/images")
IMAGE, STATUS, ORIGINAL = (("GET", f"/api/images/{{image_id}}{what}") for what in ("", "/status", "/original"))
LIVE, READY = ("GET", "/health/live"), ("GET", "/health/ready")
CASES = [
    *((operation, POSITIVE) for operation in (UPLOAD, LISTING, IMAGE, STATUS, ORIGINAL, LIVE, READY)),
    *((operation, NEGATIVE) for operation in (UPLOAD, LISTING, IMAGE, STATUS, ORIGINAL)),
]


EXCLUDED: dict[tuple[str, str], list[CheckFunction]] = {
    # A schema cannot say that a file begins like a JPEG and a text is not blank; and in a form
    # all is text, so that what the schema calls a number or null is a description too.
    UPLOAD: [positive_data_acceptance, negative_data_rejection],
    # FastAPI describes a parameter that may be left out as one that may be null, which no query can say.
    LISTING: [positive_data_acceptance],
}


@pytest.fixture(scope="module")
def schema(api: Api) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{api.url}/openapi.json")


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_every_answer_is_as_the_document_says(
    schema: BaseSchema, operation: tuple[str, str], mode: GenerationMode
) -> None:
    method, path = operation
    excluded = EXCLUDED.get(operation, [])

    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=50, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def check(case: Case[Any]) -> None:
        case.call_and_validate(excluded_checks=excluded)

    check()


def test_every_operation_is_tried_or_endless(schema: BaseSchema) -> None:
    described = {(method.upper(), path) for path, operations in schema.items() for method in operations}

    assert described - {("GET", "/api/events"), ("GET", "/metrics")} == {operation for operation, _ in CASES}


def test_every_answer_is_described_with_an_example(api: Api) -> None:
    document = api.client.get("/openapi.json").json()

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                assert answer["description"], (method, path, status)
                if int(status) >= 400:
                    [(media_type, content)] = answer["content"].items()
                    assert media_type == "application/problem+json"
                    assert content["schema"] == {"$ref": "#/components/schemas/ProblemBody"}
                    assert all(example["value"]["status"] == int(status) for example in content["examples"].values())
