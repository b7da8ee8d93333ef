"""Lease renewal in a thread of its own."""

import threading
from collections.abc import Collection

from redis.exceptions import ConnectionError as RedisConnectionError

from captiond.workqueue.message import Delivery
from captiond.workqueue.worker.lease_renewal import LeaseRenewer

FIRST, SECOND = Delivery(b"1-0", 1, {}), Delivery(b"2-0", 1, {})
INTERVAL_SECONDS = 0.005
DEADLINE_SECONDS = 10


class Renewals:
    """Records renewals; the first `failures` of them fail."""

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
                raise RedisConnectionError("unreachable")
            return set(entries) - self.lost

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.seen) >= count, DEADLINE_SECONDS)


def test_added_leases_are_renewed_repeatedly() -> None:
    renewals = Renewals()

    with LeaseRenewer(renewals.renew, INTERVAL_SECONDS) as renewer:
        renewer.add([FIRST, SECOND])
        renewals.wait_for(3)

    assert renewals.seen[:3] == [{b"1-0", b"2-0"}] * 3


def test_removed_leases_are_not_renewed() -> None:
    renewals = Renewals()

    with LeaseRenewer(renewals.renew, INTERVAL_SECONDS) as renewer:
        renewer.add([FIRST])
        renewals.wait_for(1)
        renewer.remove([FIRST])
        renewer.add([SECOND])
        renewals.wait_for(len(renewals.seen) + 2)

    assert renewals.seen[0] == {b"1-0"}
    assert renewals.seen[-1] == {b"2-0"}


def test_renewal_continues_after_an_outage() -> None:
    renewals = Renewals(failures=3)

    with LeaseRenewer(renewals.renew, INTERVAL_SECONDS) as renewer:
        renewer.add([FIRST])
        renewals.wait_for(5)

    assert len(renewals.seen) >= 5


def test_lost_lease_is_dropped() -> None:
    renewals = Renewals(lost=frozenset({b"1-0"}))

    with LeaseRenewer(renewals.renew, INTERVAL_SECONDS) as renewer:
        renewer.add([FIRST, SECOND])
        renewals.wait_for(3)

        assert renewer.deliveries == [SECOND]

    assert renewals.seen[:3] == [{b"1-0", b"2-0"}, {b"2-0"}, {b"2-0"}]


def test_no_renewal_is_sent_without_leases() -> None:
    renewals = Renewals()
    never_set = threading.Event()

    with LeaseRenewer(renewals.renew, INTERVAL_SECONDS) as renewer:
        assert not never_set.wait(INTERVAL_SECONDS * 10)
        renewer.add([FIRST])
        renewals.wait_for(1)

    assert all(renewals.seen)
