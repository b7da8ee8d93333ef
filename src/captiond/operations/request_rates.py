"""Limits the rates of clients by GCRA (ITU-T I.371). The processes exchange their counts through Redis.

A request is counted in memory and never waits for Redis. With `appendfsync always`, each write would cost an fsync.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from threading import Lock

from captiond.backoff import Outage
from captiond.periodic import PeriodicThread
from captiond.workqueue.errors import QueueUnavailable

OFF = "off"
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
# A client takes 0.2 KB. Beyond this number, the count of the least recently active client is deleted.
MAX_CLIENTS = 10_000
EXCHANGE_SECONDS = 0.25
# A Redis that does not answer must not delay the shutdown by the timeouts of the connection.
JOIN_SECONDS = 1.0
# Sums of intervals are rounded.
_ROUNDING = 0.01
# A provider assigns at least this prefix to one customer (RFC 6177).
_IPV6_PREFIX_BITS = 64
_MAX_KEY_CHARACTERS = 64

logger = logging.getLogger(__name__)

AdvanceTimes = Callable[[Mapping[str, float]], Mapping[str, float]]


class RequestRate:
    """Allows each client a number of requests per period, such as `10/second`. `off` allows every request.

    After an idle period, a client may send the whole number in one burst. Thread-safe. `name` is unique among the rates
    of a deployment. Raises ValueError for an invalid rate.
    """

    def __init__(
        self, rate: str, name: str, max_clients: int = MAX_CLIENTS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate = rate
        self.name = name
        self.is_on = rate != OFF
        self._max_clients = max_clients
        self._clock = clock
        self._lock = Lock()
        self._arrivals: dict[str, float] = {}  # the theoretical arrival time of each client
        self._counted: dict[str, int] = {}  # since the last exchange
        if not self.is_on:
            return
        number, _, period = rate.partition("/")
        if period not in SECONDS or not number.isdecimal() or int(number) < 1:
            raise ValueError(f"not a rate: {rate!r}")
        self.limit, self.period_seconds = int(number), SECONDS[period]
        self._interval = self.period_seconds / self.limit
        self._tolerance = self.period_seconds - (1 - _ROUNDING) * self._interval

    def count(self, client: str) -> float:
        """Count a request. Returns 0, or the seconds to wait if the client exceeds the rate."""
        if not self.is_on:
            return 0.0
        now = self._clock()
        with self._lock:
            arrival = max(self._arrivals.pop(client, now), now)  # reinserted as the most recent
            wait = arrival - now - self._tolerance
            if wait > 0:
                self._arrivals[client] = arrival
                return wait
            self._arrivals[client] = arrival + self._interval
            self._counted[client] = self._counted.get(client, 0) + 1
            for mapping in (self._arrivals, self._counted):
                if len(mapping) > self._max_clients:
                    del mapping[next(iter(mapping))]
        return 0.0

    def exchange(self, advance: AdvanceTimes) -> bool:
        """Add the counts to those of the other processes, and apply theirs. Raises the errors of `advance`.

        Returns False if there is nothing to exchange. The counts of a failed exchange stay those of this process only.
        """
        with self._lock:
            counted, self._counted = self._counted, {}
        if not counted:
            return False
        now = self._clock()
        ahead = advance({f"{self.name}:{client}": count * self._interval for client, count in counted.items()})
        with self._lock:
            for client in counted:
                added_since = self._counted.get(client, 0) * self._interval
                arrival = now + ahead[f"{self.name}:{client}"] + added_since
                if client in self._arrivals:
                    self._arrivals[client] = max(self._arrivals[client], arrival)
        return True


def run_exchange(
    rates: Iterable[RequestRate], advance: AdvanceTimes, interval_seconds: float = EXCHANGE_SECONDS
) -> PeriodicThread:
    """Exchange the counts regularly, in a thread that ends with the context.

    While Redis is unavailable, each process limits its own clients.
    """
    rates = [rate for rate in rates if rate.is_on]
    outage = Outage(logger)

    def exchange() -> None:
        try:
            exchanged = sum(rate.exchange(advance) for rate in rates)
        except QueueUnavailable as error:
            outage.record_failure(f"cannot exchange the counts of rate limits: {error}")
        else:
            if exchanged:
                outage.record_success()

    return PeriodicThread("rate limits", exchange, interval_seconds, join_seconds=JOIN_SECONDS)


def name_network(host: str) -> str:
    """Return an IPv4 address, or the /64 network of an IPv6 address: one client without a key."""
    try:
        address = ip_address(host)
    except ValueError:  # a Unix socket, or a proxy that forwards another text
        return host[:_MAX_KEY_CHARACTERS] or "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> _IPV6_PREFIX_BITS << _IPV6_PREFIX_BITS))
    return str(address)
