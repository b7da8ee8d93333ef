"""The entry point: creates producers, consumers and admin views for the queues of one Redis server."""

import os
import secrets
import socket
from contextlib import ExitStack
from typing import Self

from captiond.workqueue.admin.arrival_times import ArrivalTimes
from captiond.workqueue.admin.dead_letters import DeadLetters
from captiond.workqueue.admin.events import Events
from captiond.workqueue.admin.history import History
from captiond.workqueue.admin.inventory import Inventory
from captiond.workqueue.admin.jobs import Jobs
from captiond.workqueue.admin.monitor import Monitor
from captiond.workqueue.admin.problem_report import ProblemReport
from captiond.workqueue.admin.server_check import ServerRequirements, require_safe_server
from captiond.workqueue.admin.shared_secret import SharedSecret
from captiond.workqueue.admin.subscribers import Subscribers
from captiond.workqueue.streams.connection import SHORT_REPLY_TIMEOUT_SECONDS, connect, connect_async
from captiond.workqueue.streams.consumer import Clients, Consumer
from captiond.workqueue.streams.keys import NOTIFICATIONS, Keys
from captiond.workqueue.streams.producer import Budget, Producer, Target
from captiond.workqueue.streams.settlement import Route


class Broker:
    """Creates producers, consumers and admin views; closing it closes all synchronous connections.

    With `notifications`, it does so for the queues of notifications. Raises ValueError for an invalid URL. Connects at
    the first command.
    """

    def __init__(self, url: str, prefix: str = "captiond", *, notifications: bool = False) -> None:
        self._url = url
        self._keys = Keys(prefix).of_family(NOTIFICATIONS) if notifications else Keys(prefix)
        self._commands = connect(url, max_connections=16, reply_seconds=SHORT_REPLY_TIMEOUT_SECONDS)
        self._open = ExitStack()
        self._open.callback(self._commands.close)
        self.jobs = Jobs(self._commands, self._keys)
        self.inventory = Inventory(self._commands, self._keys)
        self.arrival_times = ArrivalTimes(self._commands, self._keys)
        self.history = History(self._commands, self._keys)
        self.session_secret = SharedSecret(self._commands, self._keys)
        self.monitor = Monitor(self._commands, self._keys)
        self.subscribers = Subscribers(self._commands, self._keys)
        self._notifications = self._keys.of_family(NOTIFICATIONS)
        self.notification_monitor = Monitor(self._commands, self._notifications)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def consumer(self, service: str, route: Route) -> Consumer:
        """Create a consumer with a unique name: a reused name would mix up pending messages of two processes."""
        name = f"{service}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        # Not shared: a consumer disconnects its clients after an outage, while other threads may use the shared one.
        commands, blocking = connect(self._url), connect(self._url, retries=0, max_connections=1)
        leases = connect(self._url, max_connections=1)
        for client in (commands, blocking, leases):
            self._open.callback(client.close)
        return Consumer(Clients(commands, blocking, leases), self._keys, route, name)

    def producer(self, queue: str, budget: Budget, requirements: ServerRequirements) -> Producer:
        """Create a producer for one event loop; it sends nothing to a server that fails the requirements."""
        target = Target(queue, budget, lambda: require_safe_server(self.monitor, requirements), requirements.replicas)
        return Producer(connect_async(self._url), self._keys, target)

    def events(self) -> Events:
        """Create a reader of state changes for one event loop."""
        return Events(connect_async(self._url), self._keys)

    def problem_report(self, service: str) -> ProblemReport:
        return ProblemReport(self._commands, self._keys, service)

    def dead_letters(self, queue: str) -> DeadLetters:
        return DeadLetters(self._commands, self._keys, queue)

    def notification_dead_letters(self, queue: str) -> DeadLetters:
        """Return the dead letters of a queue of notifications."""
        return DeadLetters(self._commands, self._notifications, queue)
