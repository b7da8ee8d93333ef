"""The log of rejected uploads: the first immediately, then a count per minute, in bounded volume."""

from collections.abc import Callable

import pytest

from captiond.operations.rejection_log import INTERVAL_SECONDS, MAX_TRACKED, Rejection, RejectionLog

JPEG = Rejection("192.0.2.17", "images", "not-a-jpeg", "the part starts with 89 50 4e")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock) -> RejectionLog:
    return RejectionLog(["not-a-jpeg", "too-large"], clock)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return the lines since the last call."""

    def take() -> list[str]:
        assert {record.levelname for record in caplog.records} <= {"WARNING"}
        taken = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return taken

    return take


def test_first_rejection_is_logged_at_once(log: RejectionLog, lines: Callable[[], list[str]]) -> None:
    log.add(JPEG)

    assert lines() == ["rejected peer=192.0.2.17 source=images reason=not-a-jpeg: the part starts with 89 50 4e"]


def test_camera_is_named(log: RejectionLog, lines: Callable[[], list[str]]) -> None:
    log.add(Rejection("192.0.2.17", "images", "too-large", "the limit is 10 bytes", camera="Lenina 12"))

    [line] = lines()
    assert " reason=too-large camera=Lenina 12: the limit" in line


def test_repetitions_are_one_line_per_minute(log: RejectionLog, clock: Clock, lines: Callable[[], list[str]]) -> None:
    for _ in range(3 * 60 * 32):
        log.add(JPEG)
        log.write()
        clock.now += 1 / 32  # exact in binary

    first, *counts = lines()

    assert first.endswith("89 50 4e")
    assert len(counts) == 2
    assert counts[0] == "rejected peer=192.0.2.17 source=images reason=not-a-jpeg count=1920 seconds=60"


def test_each_peer_and_reason_has_its_own_line(log: RejectionLog, lines: Callable[[], list[str]]) -> None:
    for peer in ("192.0.2.1", "192.0.2.2"):
        for reason in ("not-a-jpeg", "too-large", "not-a-jpeg"):
            log.add(Rejection(peer, "images", reason))

    assert len(lines()) == 4


def test_rejection_after_a_quiet_minute_is_logged_at_once(
    log: RejectionLog, clock: Clock, lines: Callable[[], list[str]]
) -> None:
    log.add(JPEG)
    clock.now += INTERVAL_SECONDS
    log.write()
    lines()

    log.add(JPEG)

    assert len(lines()) == 1


def test_many_peers_take_bounded_memory_and_lines(
    log: RejectionLog, clock: Clock, lines: Callable[[], list[str]]
) -> None:
    for number in range(5 * MAX_TRACKED):
        log.add(Rejection(f"2001:db8::{number:x}", "images", "not-a-jpeg"))
    assert len(lines()) == MAX_TRACKED

    clock.now += INTERVAL_SECONDS
    log.write()

    assert lines() == [f"rejected further peers count={4 * MAX_TRACKED} seconds=60"]
    log.add(Rejection("192.0.2.99", "images", "not-a-jpeg"))
    assert len(lines()) == 1


def test_totals_count_every_rejection_by_declared_reason(log: RejectionLog) -> None:
    log.add(JPEG)
    log.add(JPEG)
    log.add(Rejection("192.0.2.1", "images", "invented"))

    assert log.totals == {"not-a-jpeg": 2, "too-large": 0, "other": 1}


def test_text_from_clients_cannot_forge_a_line(log: RejectionLog, lines: Callable[[], list[str]]) -> None:
    log.add(Rejection("1\n2", "images", "too-large", "a\r\nb\x1b[2J\u202e\ud800" + "x" * 1000, camera="c\nd"))

    [line] = lines()
    assert line.isprintable()
    assert len(line) < 500
