"""The state of retention, which an archiver stores in Redis and the API returns as metrics."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from captiond.workqueue.admin import Monitor

_NAME = "retention"


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """When an archiver last applied the retention, in seconds since the epoch, and numbers of images.

    `held` have a hold. `undeleted` were deleted, but their files cannot be.
    """

    finished_at: float
    held: int
    undeleted: int = 0

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Decode. Raises ValueError."""
        try:
            values = json.loads(text)
            # An archiver of an earlier version does not report the last one.
            return cls(float(values["finished_at"]), int(values["held"]), int(values.get("undeleted", 0)))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no report of the retention: {error!r}") from error


def store_retention_report(monitor: Monitor, report: RetentionReport) -> None:
    """Store the report in place of the last one. Raises QueueUnavailable."""
    monitor.store_report(_NAME, json.dumps(asdict(report)))


def find_retention_report(monitor: Monitor) -> RetentionReport | None:
    """Return the last report; None if there is none or it cannot be decoded. Raises QueueUnavailable."""
    text = monitor.find_report(_NAME)
    try:
        return None if text is None else RetentionReport.from_json(text)
    except ValueError:
        return None
