"""A work queue on Redis Streams with at-least-once delivery. It does not read payloads and headers.

Workers import `captiond.workqueue.worker`, operators `captiond.workqueue.admin`, both `captiond.workqueue.errors`.
"""

from captiond.workqueue.broker import Broker
from captiond.workqueue.message import MalformedMessage, Message
from captiond.workqueue.streams.producer import Budget, Producer, Receipt
from captiond.workqueue.streams.settlement import Route

__all__ = [
    "Broker",
    "Budget",
    "MalformedMessage",
    "Message",
    "Producer",
    "Receipt",
    "Route",
]
