"""The product in real processes on servers of its own, for one scenario: started, broken, mended, audited."""

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
from tests.e2e.product import free_port, is_ready, place
from tests.faults import journal
from tests.faults.audit import Case, Findings, audit
from tests.faults.load import Load
from tests.faults.nursery import Nursery
from tests.faults.results import Result, append
from tests.faults.servers import version_of
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
    """What an audit may be told to expect; see `Case`."""

    dead: set[str]
    errors: frozenset[str]
    redriven: set[str]
    leftovers: bool
    forgot: bool


@dataclass
class Service:
    """A running service. It is ended by its process id, which is its own until its end was seen."""

    name: str
    pid: int
    nursery: Nursery
    hits: Path
    status: int | None = None
    was_killed: bool = False

    def signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        if self.status is None:
            self.status = self.nursery.status(self.pid)
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

    def freeze(self) -> None:
        """Stop it as a suspended machine would; what runs out meanwhile runs out."""
        self.signal(signal.SIGSTOP)
        wait_for(self.is_frozen, STOP_SECONDS, f"{self.name} is frozen")

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def is_frozen(self) -> bool:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def has_hit(self) -> bool:
        return self.hits.exists()


@dataclass
class Rig:
    """One pipeline. What a scenario changes of it is a parameter of `start`."""

    folder: Path
    server: RedisServer
    database_url: str
    nursery: Nursery
    lease_seconds: float = LEASE_SECONDS
    redis_url: str = ""
    extra: dict[str, str] = field(default_factory=dict)  # environment of all services
    services: list[Service] = field(default_factory=list)
    faults: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(42))  # noqa: S311 - it picks victims
    version: str = ""

    def __post_init__(self) -> None:
        self.port = free_port()
        self.load = Load(self.port)
        self.version = version_of(self.server)
        self._started = 0
        self.healed_at = time.monotonic()

    @property
    def client(self) -> redis.Redis:
        """Past the product, for looking and for breaking; of one server start."""
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
        """Start one more of a service, whole or with a failpoint armed."""
        self._started += 1
        hits = self.folder / f"{self._started}.hits"
        environment = self.environment(FAULTS_HITS=str(hits), **changes)
        environment |= {"FAULTS_FAILPOINT": failpoint} if failpoint else {}
        environment |= {"FAULTS_MUTANT": mutant} if mutant else {}
        pid = self.nursery.start(self.args(name), self.folder, environment, self.folder / f"{name}.output")
        service = Service(name, pid, self.nursery, hits)
        self.services.append(service)
        return service

    def args(self, name: str) -> list[str]:
        return [name, "--port", str(self.port)] if name == "api" else [name]

    def start_all(self, *, captioners: int = 1, archivers: int = 1, mutant: str = "") -> None:
        """Start the pipeline; return when the API is ready."""
        for name, number in (("archiver", archivers), ("captioner", captioners), ("api", 1)):
            for _ in range(number):
                self.start(name, mutant=mutant)
        self.await_ready()

    def await_ready(self) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as client:
            self.wait(lambda: is_ready(client), START_SECONDS, "the API is ready")

    def await_worker(self, service: Service) -> None:
        """Wait until it listens to signals and to its queue."""
        name = f"-{service.pid}-"
        wait_for(lambda: any(name in line.consumer for line in self.journal), START_SECONDS, f"{service.name} runs")

    def running(self, name: str) -> list[Service]:
        return [service for service in self.services if service.name == name and service.poll() is None]

    def kill(self, name: str) -> None:
        """Kill one of a service and start another, as an orchestrator would."""
        self.chance.choice(self.running(name)).kill()
        self.start(name)
        self.faults += 1

    def tend(self) -> None:
        """Start anew what has ended by itself."""
        for service in [service for service in self.services if service.poll() is not None]:
            self.services.remove(service)
            if not self.running(service.name):
                self.start(service.name)

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        wait_for(condition, seconds, what, meanwhile=self.tend)

    def is_empty(self) -> bool:
        try:
            return not any(self.client.xlen(KEYS.stream(queue)) for queue in (UPLOADS, CAPTIONED))
        except redis.RedisError:
            return False

    def drain(self, seconds: float = DRAIN_SECONDS) -> float:
        """Wait until both queues are empty; the seconds since `healed`, or since this was called."""
        self.wait(self.is_empty, seconds, "the queues are empty")
        return time.monotonic() - self.healed_at

    def healed(self) -> None:
        """The last fault is over: from here on recovery is counted."""
        self.healed_at = time.monotonic()

    def stop(self) -> None:
        """Stop all in good order; a service that does not is a finding."""
        for service in self.services:
            service.signal(signal.SIGTERM)
        statuses = {
            f"{service.name} {service.pid}": service.wait() for service in self.services if not service.was_killed
        }
        self.services.clear()
        assert set(statuses.values()) <= {0}, statuses

    def audit(self, **expected: Unpack[Expected]) -> Findings:
        """Audit what is there now. See `Case` for what may be expected."""
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
        """Drain, stop, audit, `captiond verify`, and write the result down."""
        recovery_seconds = self.drain(seconds)
        self.stop()
        findings = self.audit(**expected)
        self.verify()
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

    def verify(self) -> None:
        """Hold it against the product's own opinion too."""
        output = self.folder / "verify.output"
        pid = self.nursery.start(["verify"], self.folder, self.environment(), output)
        status = Service("verify", pid, self.nursery, output).wait()
        assert status == 0, output.read_text()

    def close(self) -> None:
        for service in self.services:
            service.signal(signal.SIGKILL)
            service.wait()


@contextmanager
def opened_rig(folder: Path, server: RedisServer, database_url: str, nursery: Nursery) -> Iterator[Rig]:
    """A rig whose database has its schema; whatever still runs at the end is killed."""
    with ExitStack() as opened:
        rig = Rig(folder, server, database_url, nursery)
        opened.callback(rig.close)
        pid = nursery.start(["migrate"], folder, rig.environment(), folder / "migrate.output")
        assert Service("migrate", pid, nursery, folder).wait() == 0, (folder / "migrate.output").read_text()
        yield rig


def wait_for(
    condition: Callable[[], bool], seconds: float, what: str, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Wait for what no event tells."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        meanwhile()
        time.sleep(POLL_SECONDS)
