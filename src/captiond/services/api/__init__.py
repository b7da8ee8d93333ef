"""HTTP in front of the queue `uploads` and the archive."""

from captiond.services.api.app import create_app
from captiond.services.api.dependencies import ApiParts
from captiond.services.api.server import open_socket, serve

__all__ = ["ApiParts", "create_app", "open_socket", "serve"]
