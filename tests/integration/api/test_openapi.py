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
IMAGE, STATUS, METADATA, ORIGINAL = (
    ("GET", f"/api/images/{{image_id}}{what}") for what in ("", "/status", "/metadata", "/original")
)
LIVE, READY = ("GET", "/health/live"), ("GET", "/health/ready")
CASES = [
    *((operation, POSITIVE) for operation in (UPLOAD, LISTING, IMAGE, STATUS, METADATA, ORIGINAL, LIVE, READY)),
    *((operation, NEGATIVE) for operation in (UPLOAD, LISTING, IMAGE, STATUS, METADATA, ORIGINAL)),
]


EXCLUDED: dict[tuple[str, str], list[CheckFunction]] = {
    # A schema cannot require that a file starts like a JPEG or that a text is not blank. In a form everything is
    # text, so a number or null is a valid description.
    UPLOAD: [positive_data_acceptance, negative_data_rejection],
    # FastAPI describes an optional parameter as nullable, but a query cannot contain null.
    LISTING: [positive_data_acceptance],
}


@pytest.fixture(scope="module")
def schema(api: Api) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{api.url}/openapi.json")


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_responses_conform_to_the_openapi_document(
    schema: BaseSchema, operation: tuple[str, str], mode: GenerationMode
) -> None:
    method, path = operation
    excluded = EXCLUDED.get(operation, [])

    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=50, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def check(case: Case[Any]) -> None:
        case.call_and_validate(excluded_checks=excluded)

    check()


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
