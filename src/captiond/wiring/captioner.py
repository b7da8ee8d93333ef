"""Constructs and runs a captioner."""

import logging
from zoneinfo import ZoneInfo

from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.heartbeat import Heartbeat
from captiond.pipeline import CAPTIONER_ROUTE
from captiond.services.captioner.cpu_limit import CpuLimit
from captiond.services.captioner.handler import CaptionerService
from captiond.services.captioner.isolation import IsolatedCaptioner, Limits
from captiond.settings import Settings
from captiond.stop_signal import stop_on_signals
from captiond.wiring.captions import make_captioner, make_style
from captiond.wiring.process import start_logging
from captiond.wiring.queues import open_broker
from captiond.workqueue.worker import Worker, WorkerOptions

# Captioners share a queue, so each takes small batches.
CAPTIONER_BATCH = 32
# Share of the CPU time limit of a photo. Re-encoding 50 megapixels takes more, a usual photo a hundredth of it.
UNISOLATED_SHARE = 0.25
# A batch that takes longer hangs. The archiver has no limit, because it may wait for a disk or a database.
CAPTIONER_LIMIT_SECONDS = 180.0

logger = logging.getLogger(__name__)


def run_captioner(settings: Settings, *, quiet: bool) -> None:
    """Caption until SIGTERM. Raises ConfigurationError before reading from the queue."""
    template = CaptionTemplate(settings.caption_template, ZoneInfo(settings.timezone))
    cpu_limit = CpuLimit(settings.max_cpu_seconds * UNISOLATED_SHARE)
    service = CaptionerService(make_captioner(settings), settings.keep_originals, template, cpu_limit)
    # For messages that may have crashed a worker, and for messages that take long.
    limits = Limits(cpu_seconds=settings.max_cpu_seconds)
    isolated = CaptionerService(IsolatedCaptioner(make_style(settings), limits), settings.keep_originals, template)
    start_logging("captioner", settings, quiet=quiet)
    stop = stop_on_signals()
    heartbeat = Heartbeat(settings.run_dir, "captioner")
    with open_broker(settings) as broker:
        consumer = broker.consumer("captioner", CAPTIONER_ROUTE)
        options = WorkerOptions(
            batch_size=CAPTIONER_BATCH,
            handler_timeout_seconds=CAPTIONER_LIMIT_SECONDS,
            high_water_mark=settings.max_captioned,
        )
        logger.info("started")
        Worker(consumer, service.handle, options, heartbeat.report, isolated.handle).run(stop)
    logger.info("stopped")
