"""JSON of records in one form, so that equal records have equal bytes (RFC 8785)."""

import json
from collections.abc import Mapping
from typing import TypeAlias

FieldValue: TypeAlias = str | int | bool | Mapping[str, str] | None
Fields: TypeAlias = Mapping[str, FieldValue]


def canonical_json(fields: Fields) -> bytes:
    """Encode in UTF-8, without spaces, names sorted. A field whose value is None is left out.

    The result is that of RFC 8785, because integers are below 2^53 and names are ASCII: there are no floating-point
    numbers, and the order of code points is that of UTF-16.
    """
    present = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
