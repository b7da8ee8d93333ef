"""Limits of HTTP connections: sizes, times, counts, and errors below the framework."""

from captiond.services.api.connections.config import ServerConfig
from captiond.services.api.connections.descriptors import raise_descriptor_limit
from captiond.services.api.connections.limits import ConnectionLimits
from captiond.services.api.connections.protocol import BoundedProtocol
from captiond.services.api.connections.supervisor import Supervisor

__all__ = ["BoundedProtocol", "ConnectionLimits", "ServerConfig", "Supervisor", "raise_descriptor_limit"]
