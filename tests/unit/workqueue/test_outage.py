"""Waiting for something that is away."""

import logging

import pytest

from captiond.backoff import CAP_SECONDS, Outage

logger = logging.getLogger(__name__)


def test_an_outage_is_said_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage(logger)

    for _ in range(5):
        outage.record_failure("the disk is full")
    for _ in range(5):
        outage.record_success()

    first, last = caplog.records
    assert (first.levelname, first.getMessage()) == ("ERROR", "the disk is full; waiting until it is back")
    assert last.levelname == "INFO"
    assert last.getMessage().startswith("back after ")


def test_what_never_was_away_is_not_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    Outage(logger).record_success()

    assert not caplog.records


def test_a_second_outage_is_said_again(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(logger)

    outage.record_failure("away")
    outage.record_success()
    outage.record_failure("away again")

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "away; waiting until it is back",
        "away again; waiting until it is back",
    ]


def test_waits_grow_but_not_beyond_their_cap() -> None:
    outage = Outage(logger)

    waits = [outage.record_failure("away") for _ in range(1000)]

    assert max(waits[:3]) <= 0.2
    assert CAP_SECONDS / 2 < max(waits) <= CAP_SECONDS
