"""Constructs and runs the archiver."""

import logging
from contextlib import ExitStack
from functools import partial

from captiond.archive import migrate
from captiond.operations.audit import run_audit_retention
from captiond.operations.dead_letter_files import offload
from captiond.operations.deployment import claim_deployment
from captiond.operations.heartbeat import STORAGE, Heartbeat
from captiond.operations.retention_report import store_retention_report
from captiond.operations.sampling import run_sampling
from captiond.operations.sealing import seal_archive
from captiond.pipeline import ARCHIVER, ARCHIVER_ROUTE, QUEUES
from captiond.services.archiver.cleanup import run_cleanup
from captiond.services.archiver.handler import ArchiverService
from captiond.services.archiver.offloading import run_offloading
from captiond.services.archiver.preparation import wait_until_prepared
from captiond.services.archiver.retention import Retention, run_retention
from captiond.services.archiver.sealing import run_sealing
from captiond.services.archiver.storage_check import run_storage_check
from captiond.settings import Settings
from captiond.stop_signal import stop_on_signals
from captiond.wiring.archives import open_archive
from captiond.wiring.audit import open_audit_store
from captiond.wiring.deletion import make_deletion, make_retention_policy
from captiond.wiring.process import start_logging
from captiond.wiring.queues import make_dead_letter_files, open_broker
from captiond.wiring.signing import make_signing_keys, read_time_stamp_url
from captiond.workqueue import Broker
from captiond.workqueue.worker import Worker, WorkerOptions

# The archiver syncs and commits a whole batch at once.
ARCHIVER_BATCH = 64
# A batch takes a few seconds. One that takes longer waits for a disk or a database, and the service is unhealthy.
ARCHIVER_SLOW_SECONDS = 30.0

logger = logging.getLogger(__name__)


def run_archiver(settings: Settings, *, quiet: bool) -> None:
    """Archive until SIGTERM. First waits for database, disk and Redis, and migrates. Raises ConfigurationError."""
    start_logging("archiver", settings, quiet=quiet)
    keys = make_signing_keys(settings)
    stop = stop_on_signals()
    heartbeat = Heartbeat(settings.run_dir, "archiver")
    with ExitStack() as opened:
        archive = opened.enter_context(open_archive(settings))
        broker = opened.enter_context(open_broker(settings))

        def prepare() -> None:
            migrate(settings.database_url.get_secret_value())
            claim_deployment(broker.monitor, archive)

        wait_until_prepared(prepare, heartbeat.report, broker.problem_report(ARCHIVER).report, stop)
        opened.enter_context(run_sampling(broker.history))
        opened.enter_context(run_cleanup(archive))
        storage = Heartbeat(settings.run_dir, STORAGE)

        def report_storage(problem: str | None) -> None:
            storage.report(problem)
            broker.problem_report(ARCHIVER).report(problem)

        opened.enter_context(run_storage_check(archive.check_writable, report_storage))
        seal = partial(seal_archive, archive.seals, keys.signer, read_time_stamp_url(settings))
        opened.enter_context(run_sealing(archive.seals, seal, settings.seal_minutes * 60))
        if settings.audit_days:
            audit_store = opened.enter_context(open_audit_store(settings))
            opened.enter_context(run_audit_retention(audit_store, settings.audit_days))
        opened.enter_context(run_offloading(partial(offload_dead_letters, broker, settings)))
        deletion, policy = make_deletion(archive, broker, settings), make_retention_policy(settings)
        retention = Retention(archive, deletion, policy, settings.retention_rate)
        opened.enter_context(run_retention(retention, partial(store_retention_report, broker.monitor), stop))
        consumer = broker.consumer("archiver", ARCHIVER_ROUTE)
        options = WorkerOptions(batch_size=ARCHIVER_BATCH, slow_handler_seconds=ARCHIVER_SLOW_SECONDS)
        service = ArchiverService(archive, broker.problem_report(ARCHIVER).report)
        logger.info("started")
        Worker(consumer, service.handle, options, heartbeat.report).run(stop)
    logger.info("stopped")


def offload_dead_letters(broker: Broker, settings: Settings) -> int:
    """Move dead letters beyond their budget to disk. Returns their number. Raises OSError, QueueUnavailable."""
    queues = [broker.dead_letters(queue) for queue in QUEUES]
    budget = settings.max_dead_letter_bytes
    files = make_dead_letter_files(settings)
    return offload(queues, files, lambda: broker.monitor.totals(QUEUES).dead_letter_bytes - budget)
