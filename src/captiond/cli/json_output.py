"""Results of the commands as JSON on stdout, for `--json`."""

import json
import sys
from collections.abc import Iterable


def print_json(value: object) -> None:
    """Print one JSON document."""
    print_json_lines([value])


def print_json_lines(values: Iterable[object]) -> None:
    """Print a JSON document per line (NDJSON), each as soon as it is known."""
    for value in values:
        sys.stdout.write(f"{_encode(value)}\n")
        sys.stdout.flush()


def _encode(value: object) -> str:
    """Return JSON, in ASCII if stdout could not write it as UTF-8 (RFC 8259, section 8.1)."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        is_utf8 = text.encode(sys.stdout.encoding) == text.encode()
    except UnicodeEncodeError:
        is_utf8 = False
    return text if is_utf8 else json.dumps(value)
