"""Listening sockets."""

import socket


def open_socket(host: str, port: int) -> socket.socket:
    """Bind and listen on TCP. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)
