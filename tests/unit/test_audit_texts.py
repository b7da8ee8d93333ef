"""The page and the documentation have every action that the audit log records."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from uuid import UUID

from tests.docs.blocks import REPOSITORY

import captiond
from captiond.operations.audit import EXPIRED, LOST
from captiond.services.api import ApiContext, create_app
from captiond.services.api.security.audit_trail import find_action
from captiond.services.api.web.audit_texts import TEXTS

# Functions that record an action, and the position of its name among their arguments. Others have a keyword `action`.
RECORDING = {"record": 1, "_recording": 1, "_for_each": 1, "_make_actor": 1}
LOGIN = ("POST", "/login")


def actions_of_requests() -> Iterator[str]:
    """Return the actions of the requests that are recorded."""
    schema = create_app(cast("ApiContext", None)).openapi()  # the schema does not depend on it
    requests = [(method.upper(), path) for path, operations in schema["paths"].items() for method in operations]
    for method, path in [*requests, LOGIN]:
        if found := find_action(method, re.sub("{[^}]*}", str(UUID(int=1)), path)):
            yield found[1]


def actions_in_code() -> Iterator[str]:
    """Return the literal names of actions that commands and routes record."""
    for path in Path(captiond.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                position = RECORDING.get(getattr(node.func, "id", ""))
                values = [word.value for word in node.keywords if word.arg == "action"]
                if position is not None:
                    values += node.args[position : position + 1]
                for value in values:
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        yield value.value


def test_every_action_with_a_text_is_documented() -> None:
    documented = (REPOSITORY / "docs/how-to/audit.md").read_text("utf-8")

    assert {name for name in TEXTS if f"`{name}`" not in documented} == set()


def test_every_recorded_action_has_a_text() -> None:
    recorded = {*actions_of_requests(), *actions_in_code(), EXPIRED, LOST}

    assert recorded == TEXTS.keys()
