"""What a scenario found, one JSON object a line, for the table at the end."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = "CAPTIOND_FAULTS_RESULTS"


@dataclass(frozen=True, slots=True)
class Result:
    """The numbers of one run; `expected_dead` uploads were meant to die, and did."""

    number: str
    scenario: str
    server: str
    database: str
    uploads: int
    faults: int
    accepted: int
    refused: int
    unanswered: int
    dead: int
    lost: int
    twice: int
    recovery_seconds: float
    remark: str = ""


def append(result: Result) -> None:
    """Write it where the caller of the suite wants to have it; several processes may at once."""
    if path := os.environ.get(RESULTS):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("a") as results:
            results.write(f"{json.dumps(asdict(result))}\n")


def read(path: Path) -> Iterator[Result]:
    for line in path.read_text().splitlines():
        yield Result(**json.loads(line))
