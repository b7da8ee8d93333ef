"""The web page: HTML rendered by the API service, with scripts and styles of its own origin."""

from captiond.services.api.web.install import install
from captiond.services.api.web.options import PageOptions

__all__ = ["PageOptions", "install"]
