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
        sys.stdout.write(f"{json.dumps(value, ensure_ascii=False)}\n")
        sys.stdout.flush()
