"""A test rig: the services in real processes on their own servers, for one scenario."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, Unpack

import httpx
import redis

from captiond.pipeline import CAPTIONED, UPLOADS
from captiond.workqueue.streams.keys import Keys
from tests.e2e.product import is_ready, place
from tests.faults import journal
from tests.faults.audit import Case, Findings, audit
from tests.faults.fork_server import ForkServer
from tests.faults.load import Load
from tests.faults.results import Result, append
from tests.faults.servers import version_of
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

REPOSITORY = Path(__file__).parents[2]
LEASE_SECONDS = 2.0
DRAIN_SECONDS = 120.0
START_SECONDS = 60.0
STOP_SECONDS = 40.0
POLL_SECONDS = 0.02
KEYS = Keys()
SERVICES = ("archiver", "api", "captioner")


class Expected(TypedDict, total=False):
    """Expectations of an audit; see `Case`."""

    dead: set[str]
    errors: frozenset[str]
    redriven: set[str]
    leftovers: bool
    forgot: bool


@dataclass
class Service:
    """A running service. Its process id is not reused before `poll` returned its exit status."""

    name: str
    pid: int
    fork_server: ForkServer
    hits: Path
    status: int | None = None
    was_killed: bool = False

    def signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        if self.status is None:
            self.status = self.fork_server.status(self.pid)
        return self.status

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        wait_for(lambda: self.poll() is not None, seconds, f"{self.name} ends")
        assert self.status is not None
        return self.status

    def kill(self) -> None:
        self.was_killed = True
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def suspend(self) -> None:
        """Suspend the process with SIGSTOP, as a suspended virtual machine. Its leases expire."""
        self.signal(signal.SIGSTOP)
        wait_for(self.is_suspended, STOP_SECONDS, f"{self.name} is suspended")

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def is_suspended(self) -> bool:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def reached_failpoint(self) -> bool:
        return self.hits.exists()


@dataclass
class Rig:
    """One pipeline."""

    folder: Path
    server: RedisServer
    database_url: str
    fork_server: ForkServer
    lease_seconds: float = LEASE_SECONDS
    redis_url: str = ""
    extra: dict[str, str] = field(default_factory=dict)  # environment variables of all services
    services: list[Service] = field(default_factory=list)
    faults: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(42))  # noqa: S311 - selects processes to kill
    version: str = ""

    def __post_init__(self) -> None:
        self.port = free_port()
        self.load = Load(self.port)
        self.version = version_of(self.server)
        self._started = 0
        self.recovery_started_at = time.monotonic()

    @property
    def client(self) -> redis.Redis:
        """A client that bypasses captiond. Valid until the server ends."""
        return self.server.client()

    @property
    def journal(self) -> list[journal.Line]:
        return list(journal.read(self.folder / "journal"))

    def environment(self, **changes: str) -> dict[str, str]:
        where = place(self.folder, self.redis_url or self.server.url, self.database_url)
        return {
            **where.environment,
            "PYTHONPATH": str(REPOSITORY),
            "FAULTS_LEASE_SECONDS": str(self.lease_seconds),
            "FAULTS_JOURNAL": str(self.folder / "journal"),
            **self.extra,
            **changes,
        }

    def start(self, name: str, *, failpoint: str = "", mutant: str = "", **changes: str) -> Service:
        """Start a process of a service, optionally with a failpoint or a mutant."""
        self._started += 1
        hits = self.folder / f"{self._started}.hits"
        environment = self.environment(FAULTS_HITS=str(hits), **changes)
        environment |= {"FAULTS_FAILPOINT": failpoint} if failpoint else {}
        environment |= {"FAULTS_MUTANT": mutant} if mutant else {}
        pid = self.fork_server.start(self.args(name), self.folder, environment, self.folder / f"{name}.output")
        service = Service(name, pid, self.fork_server, hits)
        self.services.append(service)
        return service

    def args(self, name: str) -> list[str]:
        return [name, "--port", str(self.port)] if name == "api" else [name]

    def start_all(self, *, captioners: int = 1, archivers: int = 1, mutant: str = "") -> None:
        """Start all services and wait until the API is ready."""
        for name, number in (("archiver", archivers), ("captioner", captioners), ("api", 1)):
            for _ in range(number):
                self.start(name, mutant=mutant)
        self.await_ready()

    def await_ready(self) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as client:
            self.wait(lambda: is_ready(client), START_SECONDS, "the API is ready")

    def await_worker(self, service: Service) -> None:
        """Wait until the worker handles signals and reads its queue."""
        name = f"-{service.pid}-"
        wait_for(lambda: any(name in line.consumer for line in self.journal), START_SECONDS, f"{service.name} runs")

    def running(self, name: str) -> list[Service]:
        return [service for service in self.services if service.name == name and service.poll() is None]

    def kill(self, name: str) -> None:
        """Kill a process of a service and start another, as an orchestrator does."""
        self.chance.choice(self.running(name)).kill()
        self.start(name)
        self.faults += 1

    def restart_ended(self) -> None:
        """Restart services that ended by themselves."""
        for service in [service for service in self.services if service.poll() is not None]:
            self.services.remove(service)
            if not self.running(service.name):
                self.start(service.name)

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        wait_for(condition, seconds, what, meanwhile=self.restart_ended)

    def is_empty(self) -> bool:
        try:
            return not any(self.client.xlen(KEYS.stream(queue)) for queue in (UPLOADS, CAPTIONED))
        except redis.RedisError:
            return False

    def drain(self, seconds: float = DRAIN_SECONDS) -> float:
        """Wait until both queues are empty. Return the seconds since `mark_recovery_start`."""
        self.wait(self.is_empty, seconds, "the queues are empty")
        return time.monotonic() - self.recovery_started_at

    def mark_recovery_start(self) -> None:
        """Mark the end of the last fault, where the recovery time starts."""
        self.recovery_started_at = time.monotonic()

    def stop(self) -> None:
        """Stop all services with SIGTERM and check that each exits with status 0."""
        for service in self.services:
            service.signal(signal.SIGTERM)
        statuses = {
            f"{service.name} {service.pid}": service.wait() for service in self.services if not service.was_killed
        }
        self.services.clear()
        assert set(statuses.values()) <= {0}, statuses

    def audit(self, **expected: Unpack[Expected]) -> Findings:
        """Audit queues, rows and files. See `Case` for the expectations."""
        case = Case(self.client, self.database_url, self.folder, self.load.ids)
        return audit(replace(case, **expected))

    def finish(
        self,
        number: str,
        scenario: str,
        *,
        remark: str = "",
        seconds: float = DRAIN_SECONDS,
        **expected: Unpack[Expected],
    ) -> Result:
        """Drain the queues, stop, audit, run `captiond verify`, and append the result."""
        recovery_seconds = self.drain(seconds)
        self.stop()
        findings = self.audit(**expected)
        if expected.get("forgot"):
            self.run("queues", "--accept")  # else `verify` would report that Redis lacks archived images
        self.run("verify")
        load = self.load
        result = Result(
            number=number,
            scenario=scenario,
            server=self.version,
            database=self.database_url.partition(":")[0].partition("+")[0],
            uploads=load.sent,
            faults=self.faults,
            accepted=len(load.accepted),
            refused=load.refused,
            unanswered=load.unanswered,
            dead=findings.dead,
            lost=findings.lost,
            twice=findings.twice,
            recovery_seconds=round(recovery_seconds, 1),
            remark=remark,
        )
        append(result)
        return result

    def run(self, *command: str) -> None:
        """Check that a command of captiond finds no problem."""
        output = self.folder / f"{command[0]}.output"
        pid = self.fork_server.start(list(command), self.folder, self.environment(), output)
        status = Service(command[0], pid, self.fork_server, output).wait()
        assert status == 0, output.read_text()

    def close(self) -> None:
        for service in self.services:
            service.signal(signal.SIGKILL)
            service.wait()


@contextmanager
def opened_rig(folder: Path, server: RedisServer, database_url: str, fork_server: ForkServer) -> Iterator[Rig]:
    """Create a rig with a migrated database. Processes that still run at the end are killed."""
    with ExitStack() as opened:
        rig = Rig(folder, server, database_url, fork_server)
        opened.callback(rig.close)
        pid = fork_server.start(["migrate"], folder, rig.environment(), folder / "migrate.output")
        assert Service("migrate", pid, fork_server, folder).wait() == 0, (folder / "migrate.output").read_text()
        yield rig


def wait_for(
    condition: Callable[[], bool], seconds: float, what: str, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Poll a condition. `what` is shown on timeout; `meanwhile` runs between polls."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out after {seconds} s: {what}"
        meanwhile()
        time.sleep(POLL_SECONDS)
