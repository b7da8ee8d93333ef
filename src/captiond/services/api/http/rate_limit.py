"""Limits the rate of requests per client, in the memory of this process."""

import math
from ipaddress import IPv6Address, ip_address

from starlette.types import Scope
from throttled import MemoryStore, RateLimiterType, Throttled

from captiond.services.api.http.problem_types import RATE_LIMITED
from captiond.services.api.http.problems import Problem
from captiond.services.api.http.upload_body import CLOSE

OFF = "off"
# A client takes 0.5 KB. Beyond this number, the counter of the least recently active client is deleted.
MAX_CLIENTS = 10_000
# A provider assigns at least this prefix to one customer (RFC 6177).
_IPV6_PREFIX_BITS = 64
_MAX_KEY_CHARACTERS = 64


class RateLimit:
    """Allows each key a number of requests per period, such as `10/second`, by GCRA. `off` allows every request.

    After an idle period, a key may send the whole number in one burst.
    """

    def __init__(self, rate: str, max_keys: int = MAX_CLIENTS) -> None:
        """Parse the rate. Raises `throttled.exceptions.DataError`; the settings accept valid rates only."""
        self._rate = rate
        store = MemoryStore(options={"MAX_SIZE": max_keys})
        self._limiter = None if rate == OFF else Throttled(using=RateLimiterType.GCRA.value, quota=rate, store=store)

    def check(self, key: str) -> None:
        """Count a request. Raises Problem with the seconds to wait if the key exceeds the rate."""
        if self._limiter is None:
            return
        result = self._limiter.limit(key)
        if result.limited:
            wait_seconds = max(1, math.ceil(result.state.retry_after))
            detail = f"The limit of {self._rate} per client is reached; retry after {wait_seconds} s."
            raise Problem(RATE_LIMITED, detail, headers={"Retry-After": str(wait_seconds), **CLOSE})


def client_key(scope: Scope) -> str:
    """Return the key of the client of a request: its IPv4 address, or the /64 network of its IPv6 address.

    Behind a trusted proxy, it is the forwarded address.
    """
    host: str = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:  # a Unix socket, or a proxy that forwards another text
        return host[:_MAX_KEY_CHARACTERS] or "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> _IPV6_PREFIX_BITS << _IPV6_PREFIX_BITS))
    return str(address)
