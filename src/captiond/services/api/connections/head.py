"""Checks request line and headers where the parser does not (RFC 9112), and passes the target to the app."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

import httptools
from uvicorn._types import HTTPScope

from captiond.services.api.connections.refusal import Refusal
from captiond.services.api.http.problem_types import HTTP_VERSION, MALFORMED, NOT_IMPLEMENTED

VERSIONS = {"1.0", "1.1"}
HOST = re.compile(rb"[\w.~%!$&'()*+,;=:\[\]-]*", re.ASCII)


def check_head(headers: Sequence[tuple[bytes, bytes]], target: bytes, method: bytes, version: str) -> int:
    """Return the size of the head in bytes. Raises Refusal. The names of headers are in lower case."""
    size_bytes = len(method) + len(target) + len("  HTTP/1.1\r\n\r\n")
    hosts = []
    for name, value in headers:
        size_bytes += len(name) + len(value) + len(": \r\n")
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding" and value.lower() != b"chunked":
            raise Refusal(NOT_IMPLEMENTED, "The only supported Transfer-Encoding is chunked.")
    if version not in VERSIONS:
        raise Refusal(HTTP_VERSION, HTTP_VERSION.example)
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise Refusal(MALFORMED, f"The request has {len(hosts)} Host headers; it must have one.")
    if hosts and not HOST.fullmatch(hosts[0]):
        raise Refusal(MALFORMED, "The Host header is not a host name or address.")
    if method == b"CONNECT":
        raise Refusal(NOT_IMPLEMENTED, "CONNECT is not supported: this server is not a proxy.")
    return size_bytes


def set_target(scope: HTTPScope, target: bytes, root_path: str) -> None:
    """Set path and query of a request, as uvicorn does. Raises httptools.HttpParserInvalidURLError."""
    url = httptools.parse_url(target)
    raw_path = url.path or b"/"
    path = raw_path.decode("ascii")
    scope["path"] = root_path + (unquote(path) if "%" in path else path)
    scope["raw_path"] = root_path.encode("ascii") + raw_path
    scope["query_string"] = url.query or b""
