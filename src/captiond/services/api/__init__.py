"""The HTTP API: writes uploads to queue `uploads`, reads the archive."""

from captiond.services.api.app import create_app
from captiond.services.api.context import ApiContext
from captiond.services.api.http.forwarded import ForwardedHeaders
from captiond.services.api.server import open_socket, serve

__all__ = ["ApiContext", "ForwardedHeaders", "create_app", "open_socket", "serve"]
