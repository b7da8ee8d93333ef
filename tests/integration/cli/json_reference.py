"""docs/reference/json.md as a schema: which values each command prints, and the fields of the values."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from tests.docs.blocks import REPOSITORY

PAGE = (REPOSITORY / "docs/reference/json.md").read_text("utf-8")
ROW = re.compile(r"^\| (.*?) \| (.*?) \| (?:(.*?) )?\|$", re.MULTILINE)
LINK = re.compile(r"\[(.+?)\]\(#")
HEADINGS = ("command", "field", "---")

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Output:
    """A row of the first table. `values` are the headings of the values, in the order of the lines."""

    command: str
    is_object: bool
    values: tuple[str, ...]


def rows(text: str) -> list[tuple[str, str]]:
    """The first two cells of each row of a table."""
    return [(first, second) for first, second, _ in ROW.findall(text) if first not in HEADINGS]


def read_outputs() -> list[Output]:
    table = PAGE.partition("## Commands\n")[2].partition("\n## ")[0]
    return [
        Output(command.replace("`", ""), output.startswith("object"), tuple(LINK.findall(values)))
        for command, output, values in ROW.findall(table)
        if command not in HEADINGS
    ]


def read_values() -> dict[str, Fields]:
    """The fields of each value with their types, by heading. A link stands for all fields of another value."""
    sections = re.split(r"^### (.*)\n", PAGE.partition("\n## Values\n")[2], flags=re.MULTILINE)[1:]
    tables = {name: rows(text) for name, text in zip(sections[::2], sections[1::2], strict=True)}

    def resolve(name: str) -> Fields:
        fields: dict[str, str] = {}
        for first, kind in tables[name]:
            other = LINK.match(first)
            fields |= resolve(other[1]) if other else {first.strip("`"): kind}
        return fields

    return {name: resolve(name) for name in tables}


def check_output(output: Output, stdout: str, values: Mapping[str, Fields]) -> set[tuple[str, str]]:
    """Compare each line with its value. Returns value and path of every field that was printed."""
    documents = [json.loads(line) for line in stdout.splitlines()]
    assert len(documents) == 1 if output.is_object else documents
    names = [output.values[0]] * (len(documents) - len(output.values) + 1) + [*output.values[1:]]
    return {
        (name, path)
        for name, document in zip(names, documents, strict=True)
        for path in check(document, values[name], "")
    }


def check(value: object, fields: Fields, path: str) -> set[str]:
    """Compare a JSON value with the fields at and below a path. Returns the documented paths that it has."""
    prefix = f"{path}." if path else ""
    names = {re.split(r"[.\[]", name.removeprefix(prefix))[0] for name in fields if name.startswith(prefix)}
    elements = f"{path}[]"
    found = {path} & fields.keys()
    if isinstance(value, dict) and names:
        required = {name for name in names if not fields.get(prefix + name, "").startswith("optional ")}
        assert names == {"NAME"} or required <= value.keys() <= names, (path, value.keys())
        for name, item in value.items():
            found |= check(item, fields, prefix + ("NAME" if "NAME" in names else name))
    elif isinstance(value, list) and any(name.startswith(elements) for name in fields):
        for item in value:
            found |= check(item, fields, elements)
    else:
        assert path in fields, f"{path or 'the document'} is not documented: {value!r}"
        assert matches(value, fields[path]), f"{path}: {value!r} is not {fields[path]}"
    return found


def matches(value: object, kind: str) -> bool:
    """Return whether a value has a type such as "text or null", or is one of the literals in backticks."""
    kinds = re.split(r", | or ", kind.removeprefix("optional "))
    return any(KINDS[each](value) if each in KINDS else value == each.strip("`") for each in kinds)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(pattern: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None


KINDS: Mapping[str, Callable[[object], bool]] = {
    "text": _is_text(".*"),
    "hex": _is_text("[0-9a-f]+"),
    "id": lambda value: isinstance(value, str) and str(UUID(value)) == value,
    "time": _is_text(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
