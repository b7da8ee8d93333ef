"""At-least-once delivery of messages on Redis Streams. Payloads and headers are opaque bytes."""

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
