"""Reads the small forms of the page, which browsers send without JavaScript, too."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from captiond.services.api.http.problems import FieldError, Problem

MAX_FIELDS = 100


def parse_fields(body: bytes) -> Mapping[str, Sequence[str]]:
    """Return the values by field, without empty ones. Raises Problem."""
    try:
        return parse_qs(body.decode(), max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Problem.invalid([FieldError(field="body", detail="must be a form in UTF-8")]) from error


def last(fields: Mapping[str, Sequence[str]], name: str) -> str:
    """Return the last value of a field without spaces around it, or an empty text."""
    return fields.get(name, [""])[-1].strip()
