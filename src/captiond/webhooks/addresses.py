"""Which addresses a webhook may reach: public ones, and the networks that a setting allows.

Against server-side request forgery (OWASP API7:2023) and DNS rebinding: a name is resolved once per delivery, all its
addresses are checked, and the connection uses a checked address.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias, cast

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address
SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
# What `socket.getaddrinfo` returns per address.
Found: TypeAlias = tuple[int, int, int, str, tuple[str | int | bytes, ...]]

# IPv6 addresses that stand for the IPv4 address in their last bits: IPv4-compatible ones (RFC 4291, 2.5.5.1) and the
# well-known prefix of NAT64 (RFC 6052).
_EMBEDDING = (IPv6Network("::/96"), IPv6Network("64:ff9b::/96"))
# Global for the module ipaddress, but reserved (RFC 6890, RFC 3879), or answered by the host of a virtual machine: the
# metadata of Azure and of Oracle.
_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv6Network("fec0::/10"), IPv4Network("168.63.129.16"))


class AddressRefused(Exception):
    """A webhook leads to an address that is not allowed."""

    def __init__(self, host: str, address: str) -> None:
        where = host if host == address else f"{host}, which resolves to {address}"
        super().__init__(f"{where} is no public address; to allow it, add its network to CAPTIOND_WEBHOOK_NETWORKS")


class NameNotFound(Exception):
    """The name of the host has no address, or no name server answers."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"cannot resolve {host}: {reason}")


@dataclass(frozen=True, slots=True)
class Networks:
    """Public addresses, and the networks that an operator allows besides."""

    allowed: tuple[Network, ...] = ()
    look_up: Callable[..., Sequence[Found]] = socket.getaddrinfo

    def allows(self, address: Address) -> bool:
        """Return whether a webhook may reach an address."""
        found = _embedded(address)
        if _is_in(address, self.allowed) or _is_in(found, self.allowed):
            return True
        return found.is_global and not (found.is_multicast or found.is_reserved or _is_in(found, _SPECIAL))

    def resolve(self, host: str, port: int) -> list[tuple[int, SocketAddress]]:
        """Return the families and socket addresses of a host, all allowed.

        Raises AddressRefused if any is not, so that a name cannot have an allowed and a forbidden one, and
        NameNotFound.
        """
        try:
            found = self.look_up(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NameNotFound(host, getattr(error, "strerror", None) or str(error)) from error
        for *_, socket_address in found:
            if not self.allows(ip_address(str(socket_address[0]))):
                raise AddressRefused(host, str(socket_address[0]))
        return [(family, cast("SocketAddress", socket_address)) for family, _, _, _, socket_address in found]


def parse_networks(text: str) -> Networks:
    """Parse networks that are separated by commas; `*` stands for all. Raises ValueError."""
    if text == "*":
        return Networks((ip_network("0.0.0.0/0"), ip_network("::/0")))
    return Networks(tuple(ip_network(part.strip()) for part in text.split(",") if part.strip()))


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if mapped := address.ipv4_mapped or address.sixtofour:
        return mapped
    if any(address in network for network in _EMBEDDING) and int(address) & 0xFFFFFFFF > 1:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
