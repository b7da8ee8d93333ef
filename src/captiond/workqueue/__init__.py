"""At-least-once delivery of bytes on Redis Streams. Knows no domain word."""

from captiond.workqueue.broker import Broker
from captiond.workqueue.census import Census, Whereabouts
from captiond.workqueue.consumer import Consumer
from captiond.workqueue.dead import DeadLetter, DeadLetters
from captiond.workqueue.errors import IdConflict, QueueFull, QueueUnavailable, QueueUnfit
from captiond.workqueue.fitness import Demands, require_fitness, shortcomings
from captiond.workqueue.jobs import Event, Events, Job, Jobs
from captiond.workqueue.message import MalformedMessage, Message
from captiond.workqueue.monitor import Monitor, QueueStats, Totals
from captiond.workqueue.options import WorkerOptions
from captiond.workqueue.outage import Outage
from captiond.workqueue.outcome import Bury, Finish, HandOff, Outcome, Unavailable
from captiond.workqueue.producer import Budget, Producer, Receipt
from captiond.workqueue.retry import backoff_seconds
from captiond.workqueue.stop import Stop
from captiond.workqueue.worker import Worker

__all__ = [
    "Broker",
    "Budget",
    "Bury",
    "Census",
    "Consumer",
    "DeadLetter",
    "DeadLetters",
    "Demands",
    "Event",
    "Events",
    "Finish",
    "HandOff",
    "IdConflict",
    "Job",
    "Jobs",
    "MalformedMessage",
    "Message",
    "Monitor",
    "Outage",
    "Outcome",
    "Producer",
    "QueueFull",
    "QueueStats",
    "QueueUnavailable",
    "QueueUnfit",
    "Receipt",
    "Stop",
    "Totals",
    "Unavailable",
    "Whereabouts",
    "Worker",
    "WorkerOptions",
    "backoff_seconds",
    "require_fitness",
    "shortcomings",
]
