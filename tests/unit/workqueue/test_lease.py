"""Keeping leases from a thread."""

import threading
from collections.abc import Collection

from redis.exceptions import ConnectionError as RedisConnectionError

from captiond.workqueue.message import Delivery
from captiond.workqueue.worker.lease_renewal import LeaseKeeper

FIRST, SECOND = Delivery(b"1-0", 1, {}), Delivery(b"2-0", 1, {})
INTERVAL_SECONDS = 0.005
DEADLINE_SECONDS = 10


class Renewals:
    """Notes what is renewed; fails the first times if told so."""

    def __init__(self, failures: int = 0, lost: frozenset[bytes] = frozenset()) -> None:
        self.failures = failures
        self.lost = lost
        self.seen: list[set[bytes]] = []
        self.changed = threading.Condition()

    def renew(self, entries: Collection[bytes]) -> set[bytes]:
        with self.changed:
            self.seen.append(set(entries))
            self.changed.notify_all()
            if len(self.seen) <= self.failures:
                raise RedisConnectionError("away")
            return set(entries) - self.lost

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.seen) >= count, DEADLINE_SECONDS)


def test_what_is_held_is_renewed_again_and_again() -> None:
    renewals = Renewals()

    with LeaseKeeper(renewals.renew, INTERVAL_SECONDS) as keeper:
        keeper.hold([FIRST, SECOND])
        renewals.wait_for(3)

    assert renewals.seen[:3] == [{b"1-0", b"2-0"}] * 3


def test_what_was_let_go_is_not_renewed_any_more() -> None:
    renewals = Renewals()

    with LeaseKeeper(renewals.renew, INTERVAL_SECONDS) as keeper:
        keeper.hold([FIRST])
        renewals.wait_for(1)
        keeper.let_go([FIRST])
        keeper.hold([SECOND])
        renewals.wait_for(len(renewals.seen) + 2)

    assert renewals.seen[0] == {b"1-0"}
    assert renewals.seen[-1] == {b"2-0"}


def test_a_server_that_is_away_for_a_while_does_not_end_the_renewals() -> None:
    renewals = Renewals(failures=3)

    with LeaseKeeper(renewals.renew, INTERVAL_SECONDS) as keeper:
        keeper.hold([FIRST])
        renewals.wait_for(5)

    assert len(renewals.seen) >= 5


def test_a_lost_lease_is_not_asked_for_again() -> None:
    renewals = Renewals(lost=frozenset({b"1-0"}))

    with LeaseKeeper(renewals.renew, INTERVAL_SECONDS) as keeper:
        keeper.hold([FIRST, SECOND])
        renewals.wait_for(3)

        assert keeper.in_hand == [SECOND]

    assert renewals.seen[:3] == [{b"1-0", b"2-0"}, {b"2-0"}, {b"2-0"}]


def test_nothing_is_asked_while_nothing_is_held() -> None:
    renewals = Renewals()
    held = threading.Event()

    with LeaseKeeper(renewals.renew, INTERVAL_SECONDS) as keeper:
        assert not held.wait(INTERVAL_SECONDS * 10)
        keeper.hold([FIRST])
        renewals.wait_for(1)

    assert all(renewals.seen)
