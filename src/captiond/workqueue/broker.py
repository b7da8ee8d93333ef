"""All the queues of one Redis, and who works on them."""

import os
import secrets
import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from captiond.workqueue.admin.dead_letters import DeadLetters
from captiond.workqueue.admin.inventory import Inventory
from captiond.workqueue.admin.jobs import Events, Jobs
from captiond.workqueue.admin.monitor import Monitor
from captiond.workqueue.admin.server_check import ServerRequirements, require_safe_server
from captiond.workqueue.streams.connection import Role, connect, connect_async
from captiond.workqueue.streams.consumer import Clients, Consumer
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.producer import Budget, Gate, Producer, Target
from captiond.workqueue.streams.settlement import Route


class Broker:
    """Makes producers, consumers and views of the queues; owns their blocking connections until it is closed."""

    def __init__(self, url: str, prefix: str = "captiond") -> None:
        self._url = url
        self._keys = Keys(prefix)
        self._commands = connect(url)
        self._open = ExitStack()
        self._open.callback(self._commands.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def consumer(self, service: str, route: Route) -> Consumer:
        """Make a consumer with a name of its own; a reused name would make "pending for me" ambiguous."""
        name = f"{service}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        # All its own: it drops its connections when the server is away, and no other thread may be reading from them.
        commands, blocking = connect(self._url), connect(self._url, Role.BLOCKING, max_connections=1)
        leases = connect(self._url, max_connections=1)
        for client in (commands, blocking, leases):
            self._open.callback(client.close)
        clients = Clients(commands, blocking, leases)
        return Consumer(clients, self._keys, route, name)

    def producer(self, queue: str, budget: Budget, requirements: ServerRequirements) -> Producer:
        """Make a producer for one event loop; it sends nothing to a server that does not meet the requirements."""
        gate = Gate(lambda: require_safe_server(self.monitor, requirements), requirements.replicas)
        return Producer(connect_async(self._url), self._keys, Target(queue, budget), gate)

    def events(self) -> Events:
        """Make a follower of changes, for use within one event loop."""
        return Events(connect_async(self._url), self._keys)

    def dead_letters(self, queue: str) -> DeadLetters:
        return DeadLetters(self._commands, self._keys, queue)

    @property
    def jobs(self) -> Jobs:
        return Jobs(self._commands, self._keys)

    @property
    def inventory(self) -> Inventory:
        return Inventory(self._commands, self._keys)

    @property
    def monitor(self) -> Monitor:
        return Monitor(self._commands, self._keys)
