"""The recorded instruction counts and their conditions, in record.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD = Path(__file__).with_name("record.json")


@dataclass(frozen=True, slots=True)
class Record:
    """`instructions` are per image."""

    conditions: Mapping[str, str]
    instructions: Mapping[str, int]


def read_record(file: Path = RECORD) -> Record:
    """Read the record. Without a file it is empty."""
    if not file.exists():
        return Record({}, {})
    return Record(**json.loads(file.read_text()))


def write_record(record: Record, file: Path = RECORD) -> None:
    file.write_text(json.dumps(asdict(record), indent=2) + "\n")
