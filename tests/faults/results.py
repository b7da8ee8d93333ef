"""Results of the scenarios, one JSON object per line."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = "CAPTIOND_FAULTS_RESULTS"


@dataclass(frozen=True, slots=True)
class Result:
    """The counts of one run."""

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
    """Append the result to the file named by CAPTIOND_FAULTS_RESULTS. Several processes may do so at once."""
    if path := os.environ.get(RESULTS):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("a") as results:
            results.write(f"{json.dumps(asdict(result))}\n")


def read(path: Path) -> Iterator[Result]:
    for line in path.read_text().splitlines():
        yield Result(**json.loads(line))
