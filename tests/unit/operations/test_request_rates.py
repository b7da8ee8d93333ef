"""Rates per client."""

import tracemalloc
from collections.abc import Mapping

import pytest
from tests.contract.workqueue.queues import wait_until

from captiond.operations.request_rates import RequestRate, name_network, run_exchange
from captiond.workqueue.errors import QueueUnavailable


class Clock:
    """Seconds, which a test changes."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class SharedTimes:
    """Adds as Redis does."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.arrivals: dict[str, float] = {}

    def add(self, seconds: Mapping[str, float]) -> dict[str, float]:
        now = self.clock()
        for name, added in seconds.items():
            self.arrivals[name] = max(self.arrivals.get(name, now), now) + added
        return {name: self.arrivals[name] - now for name in seconds}


def is_allowed(rate: RequestRate, client: str) -> bool:
    return rate.count(client) == 0


def test_each_client_has_its_own_rate() -> None:
    rate = RequestRate("3/hour", "uploads")

    assert [is_allowed(rate, "a") for _ in range(5)] == [True] * 3 + [False] * 2
    assert is_allowed(rate, "b")


def test_client_waits_for_one_interval_after_its_burst() -> None:
    clock = Clock()
    rate = RequestRate("10/second", "uploads", clock=clock)
    for _ in range(10):
        rate.count("a")

    wait = rate.count("a")

    assert 0.09 < wait <= 0.1
    clock.seconds += wait
    assert is_allowed(rate, "a")
    assert not is_allowed(rate, "a")


def test_off_allows_every_request_and_remembers_no_client() -> None:
    rate = RequestRate("off", "uploads")

    assert all(is_allowed(rate, "a") for _ in range(1000))
    assert not rate.is_on


@pytest.mark.parametrize("text", ["often", "10/fortnight", "0/second", "x/second", "-1/second", "/second"])
def test_invalid_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        RequestRate(text, "uploads")


def test_processes_count_together() -> None:
    clock = Clock()
    shared = SharedTimes(clock)
    one, other = (RequestRate("10/second", "uploads", clock=clock) for _ in range(2))
    for _ in range(5):
        one.count("a")
        other.count("a")
    other.count("b")

    for rate in (one, other, one):
        rate.exchange(shared.add)
    one.count("a")  # the first exchange of `one` preceded that of `other`
    one.exchange(shared.add)

    assert not is_allowed(one, "a")
    assert not is_allowed(other, "a")
    assert is_allowed(other, "b")


def test_requests_during_an_exchange_are_counted() -> None:
    clock = Clock()
    shared = SharedTimes(clock)
    rate = RequestRate("3/hour", "uploads", clock=clock)
    rate.count("a")

    def add(seconds: Mapping[str, float]) -> Mapping[str, float]:
        rate.count("a")
        return shared.add(seconds)

    rate.exchange(add)

    assert [is_allowed(rate, "a") for _ in range(2)] == [True, False]


def test_rates_with_other_names_are_separate() -> None:
    shared = SharedTimes(Clock())
    uploads, requests = RequestRate("1/hour", "uploads"), RequestRate("1/hour", "requests")

    uploads.count("a")
    requests.count("a")
    for rate in (uploads, requests, requests):
        rate.exchange(shared.add)

    assert sorted(shared.arrivals) == ["requests:a", "uploads:a"]


def test_outage_keeps_the_limits_of_the_process_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    rate = RequestRate("3/hour", "uploads")
    attempts = 0

    def fail(_seconds: Mapping[str, float]) -> Mapping[str, float]:
        nonlocal attempts
        attempts += 1
        raise QueueUnavailable("stopped")

    with run_exchange([rate, RequestRate("off", "requests")], fail, interval_seconds=0.01):
        rate.count("a")
        wait_until(lambda: attempts == 1)
        rate.count("a")
        wait_until(lambda: attempts == 2)
        rate.count("a")
        wait_until(lambda: attempts == 3)

    assert not is_allowed(rate, "a")
    [line] = [record.getMessage() for record in caplog.records if "rate limits" in record.getMessage()]
    assert "stopped" in line


def test_memory_is_bounded_for_100_000_addresses() -> None:
    rate = RequestRate("10/hour", "uploads", max_clients=10_000)
    rate.count("warm-up")
    tracemalloc.start()

    for number in range(10_000):
        rate.count(f"10.0.{number >> 8}.{number & 255}")
    full, _ = tracemalloc.get_traced_memory()
    for number in range(100_000):
        rate.count(f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert full < 8 << 20
    assert after < 1.5 * full


def test_least_recently_active_client_is_deleted_first() -> None:
    rate = RequestRate("1/hour", "uploads", max_clients=2)
    for client in ("a", "b", "a", "c"):
        rate.count(client)

    assert not is_allowed(rate, "a")
    assert is_allowed(rate, "b")


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("x" * 1000, "x" * 64),
        ("", "unknown"),
    ],
)
def test_network_is_an_ipv4_address_or_an_ipv6_network(host: str, network: str) -> None:
    assert name_network(host) == network
