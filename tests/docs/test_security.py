"""The page about security: the tests that it names exist, and no request makes captiond open a URL."""

import re
from typing import cast

from captiond.services.api import ApiContext, create_app
from tests.docs.blocks import REPOSITORY

TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
OWASP_RISKS = 10


def test_named_tests_exist() -> None:
    named = TEST.findall((REPOSITORY / "docs/security.md").read_text("utf-8"))

    assert len(named) > OWASP_RISKS
    for path, name in named:
        assert f"def {name}(" in (REPOSITORY / path).read_text("utf-8"), (path, name)


def test_no_request_has_a_url() -> None:
    document = create_app(cast("ApiContext", None)).openapi()  # the schema does not depend on it
    names = set(re.findall(r"[a-z]+", " ".join(_find_inputs(document)).lower()))

    assert {"image", "description", "reason"} <= names
    # Only that of a webhook has one, whose addresses are checked at each delivery.
    assert names & {"url", "uri", "href", "callback", "host"} == {"url"}
    schemas = cast("dict[str, dict[str, dict[str, object]]]", document["components"])["schemas"]
    assert [
        name for name, schema in schemas.items() if "url" in cast("dict[str, object]", schema.get("properties", {}))
    ] == [*("CreatedWebhook", "ListedWebhook", "NewWebhook")]


def _find_inputs(document: dict[str, object]) -> list[str]:
    """Return the names of all parameters and of all fields of request bodies."""
    schemas = cast("dict[str, dict[str, dict[str, object]]]", document["components"])["schemas"]
    found: list[str] = []

    def walk(node: object) -> None:
        match node:
            case {"$ref": str(reference)}:
                walk(schemas[reference.rpartition("/")[2]])
            case {"properties": dict(properties), **rest}:
                found.extend(properties)
                walk(list(properties.values()))
                walk(list(rest.values()))
            case dict():
                walk(list(node.values()))
            case list():
                for item in node:
                    walk(item)
            case _:
                pass

    for operations in cast("dict[str, dict[str, dict[str, object]]]", document["paths"]).values():
        for operation in operations.values():
            parameters = cast("list[dict[str, str]]", operation.get("parameters", []))
            found.extend(parameter["name"] for parameter in parameters)
            walk(operation.get("requestBody"))
    return found
