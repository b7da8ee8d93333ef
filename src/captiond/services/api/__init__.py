"""The HTTP API: writes uploads to queue `uploads`, reads the archive."""

from captiond.services.api.app import create_app
from captiond.services.api.bodies.operations import EffectiveSetting
from captiond.services.api.connections import ConnectionLimits
from captiond.services.api.context import ApiContext, watch_archive, watch_redis
from captiond.services.api.http.forwarded import ForwardedHeaders
from captiond.services.api.ingest.options import IngestOptions
from captiond.services.api.operations_access import Operations, choose_audience
from captiond.services.api.preview.drawing import StripDrawer
from captiond.services.api.quota import Quota
from captiond.services.api.receipts import Signing
from captiond.services.api.security.access_control import AccessControl
from captiond.services.api.security.audit_trail import Audit, AuditOptions
from captiond.services.api.security.rate_limit import RateLimits
from captiond.services.api.server import serve
from captiond.services.api.thumbnailer import Thumbnailer
from captiond.services.api.web import PageOptions

__all__ = [
    "AccessControl",
    "ApiContext",
    "Audit",
    "AuditOptions",
    "ConnectionLimits",
    "EffectiveSetting",
    "ForwardedHeaders",
    "IngestOptions",
    "Operations",
    "PageOptions",
    "Quota",
    "RateLimits",
    "Signing",
    "StripDrawer",
    "Thumbnailer",
    "choose_audience",
    "create_app",
    "serve",
    "watch_archive",
    "watch_redis",
]
