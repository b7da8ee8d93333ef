"""Constructs and runs the notifier."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from uuid import UUID

from captiond.archive import ArchiveUnavailable
from captiond.backoff import Outage
from captiond.messages import Status
from captiond.operations.deployment import require_one_deployment
from captiond.operations.heartbeat import Heartbeat
from captiond.operations.public_error import make_public_error
from captiond.periodic import PeriodicThread
from captiond.pipeline import NOTIFIER_ROUTE, WEBHOOK_EVENTS_LOST, WEBHOOK_RESULT, WEBHOOKS
from captiond.services.notifier.handler import NotifierService, Sources
from captiond.services.notifier.lanes import Lanes
from captiond.services.notifier.results import Results, run_results
from captiond.settings import Settings
from captiond.stop_signal import stop_on_signals
from captiond.webhooks import Webhook
from captiond.wiring.archives import open_archive
from captiond.wiring.deployment import reject_other_queues
from captiond.wiring.process import start_logging
from captiond.wiring.queues import open_broker, open_notifications
from captiond.wiring.webhooks import make_sender, open_webhooks
from captiond.workqueue import Broker
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.worker import Worker, WorkerOptions
from captiond.workqueue.worker.options import RetryPolicy

NOTIFIER_BATCH = 64
# Full jitter up to 5, 20, 80, 320, 1280 s, then up to an hour, until the event is a day old. The handler ends them, so
# the number of failures and of deliveries has a limit that is never reached.
RETRIES = RetryPolicy(
    max_failures=1000, max_deliveries=10_000, suspect_deliveries=10_000, base_seconds=5.0, cap_seconds=3600.0
)
SYNCHRONISE_SECONDS = 10.0

logger = logging.getLogger(__name__)


def run_notifier(settings: Settings, *, quiet: bool) -> None:
    """Deliver until SIGTERM. Raises ConfigurationError before reading from the queue."""
    start_logging("notifier", settings, quiet=quiet)
    stop = stop_on_signals()
    heartbeat = Heartbeat(settings.run_dir, "notifier")
    with ExitStack() as opened:
        broker = opened.enter_context(open_broker(settings))
        notifications = opened.enter_context(open_notifications(settings))
        archive = opened.enter_context(open_archive(settings))
        webhooks = opened.enter_context(open_webhooks(settings, broker))
        reject_other_queues(broker, settings)
        outage = Outage(logger)

        def synchronise() -> None:
            try:
                # Again, because the start waits for no server. The webhooks of another database would replace ours.
                require_one_deployment(broker.monitor, archive)
                webhooks.synchronise()
                outage.record_success()
            except (ArchiveUnavailable, QueueUnavailable) as error:
                outage.record_failure(f"cannot compare webhooks with their subscribers: {error}")

        opened.enter_context(PeriodicThread("webhooks", synchronise, SYNCHRONISE_SECONDS, at_once=True, join_seconds=5))
        results = Results(webhooks.store.record_attempts, lambda kinds: count(notifications, kinds))
        opened.callback(results.write)
        opened.enter_context(run_results(results))

        def load() -> list[Webhook]:
            require_one_deployment(broker.monitor, archive)
            return webhooks.store.load_all()

        sources = Sources(
            load,
            archive.find_many,
            lambda image: find_error(broker, image),
            webhooks.disable,
            broker.notification_dead_letters(WEBHOOKS).count,
            lambda number: notifications.monitor.count({WEBHOOK_EVENTS_LOST: number}),
        )
        lanes = Lanes()
        opened.callback(lanes.close)
        service = NotifierService(sources, make_sender(settings), results, lanes)
        options = WorkerOptions(batch_size=NOTIFIER_BATCH, retry_policy=RETRIES)
        consumer = notifications.consumer("notifier", NOTIFIER_ROUTE)
        logger.info("started")
        Worker(consumer, service.handle, options, heartbeat.report).run(stop)
    logger.info("stopped")


def count(notifications: Broker, kinds: Mapping[str, int]) -> None:
    """Count attempts by kind of result. Raises QueueUnavailable."""
    notifications.monitor.count({WEBHOOK_RESULT + kind: number for kind, number in kinds.items()})


def find_error(broker: Broker, image_id: UUID) -> str | None:
    """Return why an image has failed, for anyone; None if it was redriven or deleted since. Raises QueueUnavailable."""
    job = broker.jobs.find(str(image_id))
    return make_public_error(image_id, job.error or "") if job and job.state == Status.FAILED else None
