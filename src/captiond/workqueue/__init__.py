"""At-least-once delivery of bytes on Redis Streams. Knows no domain word."""

from captiond.workqueue.admin.dead_letters import DeadLetter, DeadLetters
from captiond.workqueue.admin.inventory import Census, Whereabouts
from captiond.workqueue.admin.jobs import Event, Events, Job, Jobs
from captiond.workqueue.admin.monitor import Monitor, QueueStats, Totals
from captiond.workqueue.admin.server_check import Demands, require_fitness, shortcomings
from captiond.workqueue.broker import Broker
from captiond.workqueue.errors import IdConflict, QueueFull, QueueUnavailable, QueueUnfit
from captiond.workqueue.message import MalformedMessage, Message
from captiond.workqueue.outcome import Bury, Finish, HandOff, Outcome, Unavailable
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.streams.producer import Budget, Producer, Receipt
from captiond.workqueue.worker.loop import Worker
from captiond.workqueue.worker.options import WorkerOptions
from captiond.workqueue.worker.stop import Stop

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
    "require_fitness",
    "shortcomings",
]
