"""Who sends a request, and what this client may do."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from uuid import UUID

from captiond.access.scopes import Scope

Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Principal:
    """The client of a request: the key `key_id`, or a user that a proxy has authenticated, without a key.

    With `camera`, its uploads are images of that camera. With `networks`, its requests must come from one of them.
    """

    name: str
    scopes: frozenset[Scope]
    key_id: UUID | None = None
    camera: str | None = None
    networks: tuple[Network, ...] = ()

    def may_use(self, accepted: frozenset[Scope]) -> bool:
        """Return whether the client has one of these scopes, or none is required."""
        return not accepted or not accepted.isdisjoint(self.scopes)

    def may_come_from(self, address: str) -> bool:
        """Return whether requests from this IP address are allowed."""
        if not self.networks:
            return True
        try:
            parsed = ip_address(address)
        except ValueError:  # a Unix socket, or a proxy that forwards another text
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self.networks)


def parse_network(text: str) -> Network:
    """Parse a network such as `10.0.0.0/8`. Raises ValueError, also for the zone of an IPv6 address (RFC 4007)."""
    if "%" in text:  # a zone may be any text, and no client comes from such a network
        raise ValueError(f"{text!r} has a zone")
    return ip_network(text.strip())


ANONYMOUS = Principal("anonymous", frozenset(Scope))
"""Every client while access control is off."""
