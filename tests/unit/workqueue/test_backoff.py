"""Backoff, and the log of outages."""

import logging

import pytest

from captiond.backoff import CAP_SECONDS, Outage

logger = logging.getLogger(__name__)


def test_outage_is_logged_once_at_start_and_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage(logger)

    for _ in range(5):
        outage.record_failure("the disk is full")
    for _ in range(5):
        outage.record_success()

    first, last = caplog.records
    assert (first.levelname, first.getMessage()) == ("ERROR", "the disk is full; retrying with backoff")
    assert last.levelname == "INFO"
    assert last.getMessage() == "recovered outage_seconds=0.0: the disk is full"


def test_success_without_outage_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    Outage(logger).record_success()

    assert not caplog.records


def test_second_outage_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(logger)

    outage.record_failure("unreachable")
    outage.record_success()
    outage.record_failure("unreachable again")

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "unreachable; retrying with backoff",
        "unreachable again; retrying with backoff",
    ]


def test_outage_delays_grow_to_the_cap() -> None:
    outage = Outage(logger)

    delays = [outage.record_failure("unreachable") for _ in range(1000)]

    assert max(delays[:3]) <= 0.2
    assert CAP_SECONDS / 2 < max(delays) <= CAP_SECONDS
