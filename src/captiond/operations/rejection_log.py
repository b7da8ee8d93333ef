"""Counts rejected uploads by reason, and logs them in bounded volume.

A misconfigured camera may send 25 requests per second for days.
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

INTERVAL_SECONDS = 60.0
# Combinations of peer, source and reason with separate lines. Further combinations share a line.
MAX_TRACKED = 200
MAX_PEER_CHARACTERS = 64
MAX_DETAIL_CHARACTERS = 300
OTHER = "other"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rejection:
    """An upload that was not accepted. `source` is the protocol or endpoint, `reason` the name of a problem type."""

    peer: str
    source: str
    reason: str
    detail: str = ""
    camera: str | None = None


class _Key(NamedTuple):
    peer: str
    source: str
    reason: str


@dataclass(slots=True)
class _Repetitions:
    since: float
    count: int = 0


class RejectionLog:
    """Logs the first rejection of a peer, source and reason immediately, and repetitions as one count per minute.

    Not thread-safe, except for `totals`. Call `write` about once per second.
    """

    def __init__(self, reasons: Collection[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._totals = dict.fromkeys((*reasons, OTHER), 0)
        self._clock = clock
        self._repetitions: dict[_Key, _Repetitions] = {}
        self._untracked = _Repetitions(clock())

    @property
    def totals(self) -> dict[str, int]:
        """The number of rejections since the start, by reason. Undeclared reasons count as `other`."""
        return dict(self._totals)

    def add(self, rejection: Rejection) -> None:
        """Count a rejection, and log it if it is new."""
        reason = rejection.reason if rejection.reason in self._totals else OTHER
        self._totals[reason] += 1
        key = _Key(_printable(rejection.peer, MAX_PEER_CHARACTERS), rejection.source, rejection.reason)
        if repetitions := self._repetitions.get(key):
            repetitions.count += 1
        elif len(self._repetitions) < MAX_TRACKED:
            self._repetitions[key] = _Repetitions(self._clock())
            logger.warning(
                "rejected peer=%s source=%s reason=%s%s: %s",
                *key,
                f" camera={_printable(rejection.camera, MAX_PEER_CHARACTERS)}" if rejection.camera else "",
                _printable(rejection.detail, MAX_DETAIL_CHARACTERS),
            )
        else:
            self._untracked.count += 1

    def write(self) -> None:
        """Log the repetitions of each past minute. A combination without repetitions is logged again when it recurs."""
        now = self._clock()
        for key, repetitions in list(self._repetitions.items()):
            seconds = now - repetitions.since
            if seconds < INTERVAL_SECONDS:
                continue
            if repetitions.count:
                count = repetitions.count
                logger.warning("rejected peer=%s source=%s reason=%s count=%d seconds=%.0f", *key, count, seconds)
                self._repetitions[key] = _Repetitions(now)
            else:
                del self._repetitions[key]
        seconds = now - self._untracked.since
        if seconds >= INTERVAL_SECONDS:
            if self._untracked.count:
                logger.warning("rejected further peers count=%d seconds=%.0f", self._untracked.count, seconds)
            self._untracked = _Repetitions(now)


def _printable(text: str, max_characters: int) -> str:
    """Replace control characters, line breaks and lone surrogates, which would forge or break log lines."""
    return "".join(character if character.isprintable() else "?" for character in text[:max_characters])
