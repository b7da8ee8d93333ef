"""The summary of the last `captiond verify`, which is stored in Redis."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from captiond.workqueue.admin import Monitor

_NAME = "verify"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """When and where `captiond verify` ran, the number of rows at its start, and its findings by kind."""

    started_at: datetime
    finished_at: datetime
    images: int
    findings: Mapping[str, int]
    version: str
    host: str

    def to_json(self) -> str:
        times = {"started_at": self.started_at.isoformat(), "finished_at": self.finished_at.isoformat()}
        numbers = {"images": self.images, "findings": dict(self.findings)}
        return json.dumps({**times, **numbers, "version": self.version, "host": self.host})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Decode. Raises ValueError."""
        try:
            values = json.loads(text)
            return cls(
                started_at=datetime.fromisoformat(values["started_at"]),
                finished_at=datetime.fromisoformat(values["finished_at"]),
                images=int(values["images"]),
                findings={str(kind): int(number) for kind, number in values["findings"].items()},
                version=str(values["version"]),
                host=str(values["host"]),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"no report of `captiond verify`: {error!r}") from error


def store_report(monitor: Monitor, report: VerifyReport) -> None:
    """Store the report in place of the last one. Raises QueueUnavailable."""
    monitor.store_report(_NAME, report.to_json())


def find_report(monitor: Monitor) -> VerifyReport | None:
    """Return the last report; None if there is none or it cannot be decoded. Raises QueueUnavailable."""
    text = monitor.find_report(_NAME)
    try:
        return None if text is None else VerifyReport.from_json(text)
    except ValueError:
        return None


def kind_of(finding: str) -> str:
    """Return the text before the first colon, which names the kind."""
    return finding.partition(":")[0]
