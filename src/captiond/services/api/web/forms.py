"""Reads the small forms of the page, which browsers send without JavaScript, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

from captiond.services.api.http.problems import FieldError, Problem

MAX_FIELDS = 100


@dataclass(frozen=True, slots=True)
class EnteredForm:
    """The fields and check boxes of a form as entered, and the error of each invalid one, to be translated."""

    values: Mapping[str, str] = field(default_factory=dict)
    chosen: Sequence[str] = ()
    errors: Mapping[str, str] = field(default_factory=dict)

    def with_errors(self, errors: Mapping[str, str]) -> "EnteredForm":
        return replace(self, errors=errors)


def parse_fields(body: bytes) -> Mapping[str, Sequence[str]]:
    """Return the values by field, without empty ones. Raises Problem."""
    try:
        return parse_qs(body.decode(), max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Problem.invalid([FieldError(field="body", detail="must be a form in UTF-8")]) from error


def last(fields: Mapping[str, Sequence[str]], name: str) -> str:
    """Return the last value of a field without spaces around it, or an empty text."""
    return fields.get(name, [""])[-1].strip()
