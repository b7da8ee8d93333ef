"""Views and operations for operators: statistics, inventory, dead letters, jobs, server check."""

from captiond.workqueue.admin.dead_letters import DeadLetter, DeadLetters
from captiond.workqueue.admin.inventory import Census, Whereabouts
from captiond.workqueue.admin.jobs import Event, Events, Job, Jobs
from captiond.workqueue.admin.monitor import Monitor, QueueStats, Totals
from captiond.workqueue.admin.server_check import Demands, require_fitness, shortcomings

__all__ = [
    "Census",
    "DeadLetter",
    "DeadLetters",
    "Demands",
    "Event",
    "Events",
    "Job",
    "Jobs",
    "Monitor",
    "QueueStats",
    "Totals",
    "Whereabouts",
    "require_fitness",
    "shortcomings",
]
