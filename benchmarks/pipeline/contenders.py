"""The pipelines under test: captiond, and the same pipeline built with Celery, Taskiq, Dramatiq and RQ."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.pipeline.servers import Servers

CORES = len(os.sched_getaffinity(0))
_PEERS = "benchmarks.pipeline.peers"


@dataclass(frozen=True, slots=True)
class Service:
    """A command, run in `count` processes. Its usage is reported under `role`."""

    role: str
    arguments: tuple[str, ...]
    count: int = 1

    def command(self, port: int) -> list[str]:
        return [sys.executable, "-m", *(word.replace("{port}", str(port)) for word in self.arguments)]


@dataclass(frozen=True, slots=True)
class Place:
    """Servers, database and folder of one trial."""

    servers: Servers
    database: str
    folder: Path

    @property
    def images(self) -> Path:
        return self.folder / "images"


@dataclass(frozen=True, slots=True)
class Contender:
    """A pipeline. `path` is the path of its upload form, `settings` are added to its environment."""

    name: str
    path: str
    services: tuple[Service, ...]
    appendfsync: str = "always"
    settings: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0
    """Part of the images that it gets. Slow contenders get fewer."""
    stall_seconds: float = 180.0
    """A trial fails if rows are still missing this long after the last upload."""

    @property
    def slug(self) -> str:
        return "".join(letter for letter in self.name.lower() if letter.isalnum())

    def environment(self, place: Place) -> dict[str, str]:
        """The environment of its services, without the CAPTIOND_ variables of the calling shell."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CAPTIOND_")}
        database = place.servers.url(place.database)
        return {
            **inherited,
            "BENCH_REDIS_URL": place.servers.redis_url,
            "BENCH_DATABASE_URL": database,
            "BENCH_IMAGES_DIR": str(place.images),
            "RQ_REDIS_URL": place.servers.redis_url,
            "CAPTIOND_REDIS_URL": place.servers.redis_url,
            "CAPTIOND_DATABASE_URL": database,
            "CAPTIOND_IMAGES_DIR": str(place.images),
            "CAPTIOND_LOG_DIR": str(place.folder / "log"),
            "CAPTIOND_RUN_DIR": str(place.folder / "run"),
            **self.settings,
        }


def web_service(app: str) -> Service:
    """An ASGI app under uvicorn, as service `api`."""
    return Service("api", ("uvicorn", app, "--port", "{port}", "--no-access-log"))


def captiond_at(source: Path) -> Contender:
    """The captiond of another checkout, by its `src` folder."""
    settings = {"PYTHONPATH": str(source.resolve())}
    return Contender(f"captiond in {source}", CAPTIOND.path, _captiond(), settings=settings)


def _captiond() -> tuple[Service, ...]:
    return (
        Service("archiver", ("captiond", "archiver")),
        Service("api", ("captiond", "api", "--port", "{port}")),
        Service("captioner", ("captiond", "captioner"), max(1, CORES - 1)),
    )


def _form(module: str) -> Service:
    return web_service(f"{_PEERS}.{module}:app")


def _celery() -> tuple[Service, ...]:
    queues = ("-Q", "uploads,captioned", "--concurrency", str(CORES))
    return (
        _form("celery_web"),
        Service("worker", ("celery", "-A", f"{_PEERS}.celery_pipeline", "worker", *queues)),
    )


def _taskiq() -> tuple[Service, ...]:
    module = f"{_PEERS}.taskiq_pipeline"
    return (
        _form("taskiq_web"),
        Service("captioner", ("taskiq", "worker", f"{module}:uploads", "--workers", str(CORES))),
        Service("archiver", ("taskiq", "worker", f"{module}:captioned", "--workers", "1")),
    )


def _dramatiq() -> tuple[Service, ...]:
    worker = ("dramatiq", f"{_PEERS}.dramatiq_pipeline", "--processes", str(CORES))
    return (_form("dramatiq_web"), Service("worker", worker))


def _rq(*options: str) -> tuple[Service, ...]:
    worker = ("rq.cli", "worker", *options, "uploads", "captioned")
    return (_form("rq_web"), Service("worker", worker, CORES))


CAPTIOND = Contender("captiond", "/api/images", _captiond())
CAPTIOND_FAST = Contender("captiond, fast", "/api/images", _captiond(), "everysec", {"CAPTIOND_DURABILITY": "fast"})
PEERS = (
    Contender("Celery", "/images", _celery()),
    Contender("Taskiq", "/images", _taskiq()),
    Contender("Dramatiq", "/images", _dramatiq()),
    Contender("RQ", "/images", _rq(), share=0.05),
    Contender("RQ, SimpleWorker", "/images", _rq("--worker-class", "rq.worker.SimpleWorker")),
)
CONTENDERS = (CAPTIOND, CAPTIOND_FAST, *PEERS)
