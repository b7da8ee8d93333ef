"""Operator views: statistics, inventory, dead-letter queues, job states, startup check of the server."""

from captiond.workqueue.admin.arrival_times import ArrivalTimes
from captiond.workqueue.admin.dead_letters import DeadLetter, DeadLetters
from captiond.workqueue.admin.events import Event, EventBatch, Events, FollowerTooSlow
from captiond.workqueue.admin.history import DAY, HOUR, SAMPLE_SECONDS, History, Period, Point, Resolution, counted
from captiond.workqueue.admin.inventory import Inventory, Location
from captiond.workqueue.admin.jobs import Job, Jobs
from captiond.workqueue.admin.monitor import ConsumerStats, Monitor, QueueStats, Totals
from captiond.workqueue.admin.server_check import ServerRequirements, find_server_problems, require_safe_server
from captiond.workqueue.admin.shared_secret import SharedSecret
from captiond.workqueue.admin.subscribers import Subscribers

__all__ = [
    "DAY",
    "HOUR",
    "SAMPLE_SECONDS",
    "ArrivalTimes",
    "ConsumerStats",
    "DeadLetter",
    "DeadLetters",
    "Event",
    "EventBatch",
    "Events",
    "FollowerTooSlow",
    "History",
    "Inventory",
    "Job",
    "Jobs",
    "Location",
    "Monitor",
    "Period",
    "Point",
    "QueueStats",
    "Resolution",
    "ServerRequirements",
    "SharedSecret",
    "Subscribers",
    "Totals",
    "counted",
    "find_server_problems",
    "require_safe_server",
]
