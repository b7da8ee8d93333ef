"""A work queue on Redis Streams with at-least-once delivery. It reads neither payloads nor headers.

Senders import this package, workers also `captiond.workqueue.worker`, and operator tools `captiond.workqueue.admin`.
The errors are in `captiond.workqueue.errors`.
"""

from captiond.workqueue.broker import Broker
from captiond.workqueue.errors import MalformedMessage
from captiond.workqueue.message import Message
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
