"""Seals the archive at regular intervals."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

from captiond.archive import ArchiveUnavailable, SealStore
from captiond.periodic import PeriodicThread

CHECK_SECONDS = 60.0

logger = logging.getLogger(__name__)


def run_sealing(
    seals: SealStore, seal: Callable[[], object], interval_seconds: float
) -> AbstractContextManager[object]:
    """Call `seal` if the newest seal is older than the interval, in a thread that ends with the context.

    An interval of 0 disables it. Several archivers take turns: one that finds a young seal does nothing.
    """
    if not interval_seconds:
        return nullcontext()
    tried_at = float("-inf")

    def run() -> None:
        nonlocal tried_at
        try:
            if time.monotonic() - tried_at >= interval_seconds and _is_due(seals, interval_seconds):
                tried_at = time.monotonic()
                seal()
        except ArchiveUnavailable as error:
            logger.warning("cannot seal the archive: %s; next attempt in %.0f s", error, interval_seconds)
        except Exception:
            logger.exception("cannot seal the archive")

    return PeriodicThread("sealing", run, min(CHECK_SECONDS, interval_seconds), at_once=True, join_seconds=10)


def _is_due(seals: SealStore, interval_seconds: float) -> bool:
    last = seals.last()
    try:
        return last is None or (datetime.now(UTC) - last.seal.sealed_at).total_seconds() >= interval_seconds
    except ValueError:
        return True  # an altered seal, which `captiond verify` reports
