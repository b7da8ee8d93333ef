"""Reads the API key and the proxy's user from the headers of a request."""

import binascii
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field

from captiond.access.groups import ProxyUsers
from captiond.services.api.http.problem_types import REPEATED_HEADER
from captiond.services.api.http.problems import Problem

KEY_HEADER = b"x-api-key"
AUTHORIZATION = b"authorization"


@dataclass(slots=True)
class Credentials:
    """The key in the form in which the client sent it, and the user and groups that a trusted proxy sent."""

    key: bytes | None = field(default=None, repr=False)
    user: bytes | None = None
    groups: bytes | None = None


def read_credentials(headers: Iterable[tuple[bytes, bytes]], proxy: ProxyUsers | None) -> Credentials:
    """Read the headers. X-API-Key takes precedence over Authorization. Raises Problem for a repeated header."""
    found: dict[bytes, bytes] = {}
    wanted = (KEY_HEADER, AUTHORIZATION, *proxy.headers) if proxy else (KEY_HEADER, AUTHORIZATION)
    for name, value in headers:
        if name in wanted:
            if name in found:
                raise Problem(REPEATED_HEADER, f"The request has several {name.decode('latin-1')} headers; send one.")
            found[name] = value
    key = found.get(KEY_HEADER) or _read_authorization(found.get(AUTHORIZATION, b""))
    if proxy is None:
        return Credentials(key)
    return Credentials(key, found.get(proxy.user_header), found.get(proxy.groups_header or b""))


def _read_authorization(value: bytes) -> bytes | None:
    """Return the token of Bearer, or the password of Basic. The user name is ignored."""
    scheme, _, parameter = value.partition(b" ")
    match scheme.lower():
        case b"bearer":
            return parameter.strip()
        case b"basic":
            try:
                _, _, password = b64decode(parameter.strip(), validate=True).partition(b":")
            except binascii.Error:
                return None
            return password
    return None
