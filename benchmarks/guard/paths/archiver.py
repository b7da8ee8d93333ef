"""The archiver: receive a batch, store it in files and SQLite, acknowledge it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.guard.hot_paths import Place
from benchmarks.guard.paths.worker import DISABLED_SECONDS, Service, work

from captiond.archive import Archive, migrate
from captiond.logs import configure_logging
from captiond.pipeline import ARCHIVER_ROUTE
from captiond.services.archiver.handler import ArchiverService
from captiond.wiring.archiver import ARCHIVER_BATCH
from captiond.workqueue import Broker
from captiond.workqueue.worker import WorkerOptions


@contextmanager
def open_archiver(place: Place) -> Iterator[Callable[[int], None]]:
    """Build the service as `captiond archiver` does, but without periodic work."""
    configure_logging("archiver", place.folder / "log", "INFO")
    database_url = f"sqlite:///{place.folder}/captiond.db"
    migrate(database_url)
    options = WorkerOptions(
        batch_size=ARCHIVER_BATCH,
        lease_seconds=DISABLED_SECONDS,
        delayed_check_seconds=DISABLED_SECONDS,
        grace_seconds=DISABLED_SECONDS,
    )
    with ExitStack() as opened:
        archive = opened.enter_context(Archive.open(database_url, place.folder / "images"))
        archive.prepare()
        broker = opened.enter_context(Broker(place.redis_url))
        service = Service("archiver", ARCHIVER_ROUTE, ArchiverService(archive, lambda _: None).handle, options)
        yield lambda count: work(broker, service, place.folder, count)
