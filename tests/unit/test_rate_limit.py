"""Rates per client."""

import tracemalloc

import pytest
from throttled.exceptions import DataError

from captiond.services.api.http.problems import Problem
from captiond.services.api.http.rate_limit import RateLimit, client_key


def is_allowed(limit: RateLimit, key: str) -> bool:
    try:
        limit.check(key)
    except Problem:
        return False
    return True


def test_each_key_has_its_own_rate() -> None:
    limit = RateLimit("3/hour")

    assert [is_allowed(limit, "a") for _ in range(5)] == [True] * 3 + [False] * 2
    assert is_allowed(limit, "b")


def test_refusal_has_the_seconds_to_wait() -> None:
    limit = RateLimit("1/hour")
    limit.check("a")

    with pytest.raises(Problem, match="1/hour") as refused:
        limit.check("a")

    assert refused.value.type.status == 429
    assert 3590 < int(refused.value.headers["Retry-After"]) <= 3600


def test_wait_is_at_least_one_second() -> None:
    limit = RateLimit("1/second")
    limit.check("a")

    with pytest.raises(Problem) as refused:
        limit.check("a")

    assert refused.value.headers["Retry-After"] == "1"


def test_off_allows_every_request() -> None:
    limit = RateLimit("off")

    assert all(is_allowed(limit, "a") for _ in range(1000))


def test_invalid_rate_is_refused() -> None:
    with pytest.raises(DataError):
        RateLimit("often")


def test_memory_is_bounded_for_100_000_addresses() -> None:
    limit = RateLimit("10/hour", max_keys=10_000)
    limit.check("warm-up")
    tracemalloc.start()

    for number in range(10_000):
        limit.check(f"10.0.{number >> 8}.{number & 255}")
    full, _ = tracemalloc.get_traced_memory()
    for number in range(100_000):
        limit.check(f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert full < 8 << 20
    assert after < 1.5 * full


@pytest.mark.parametrize(
    ("client", "key"),
    [
        (("192.0.2.1", 5000), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 5000), "2001:db8:1:2::"),
        (("fe80::1%eth0", 5000), "fe80::"),
        (("::ffff:192.0.2.1", 5000), "192.0.2.1"),
        (("x" * 1000, 0), "x" * 64),
        (("", 0), "unknown"),
        (None, "unknown"),
    ],
)
def test_key_is_an_ipv4_address_or_an_ipv6_network(client: tuple[str, int] | None, key: str) -> None:
    assert client_key({"type": "http", "client": client}) == key
