"""The captioner: receive a batch, caption it, forward it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.guard.hot_paths import Place
from benchmarks.guard.paths.worker import DISABLED_SECONDS, Service, work

from captiond.imaging import Captioner, Style
from captiond.logs import configure_logging
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.keep_originals import KeepOriginals
from captiond.pipeline import CAPTIONER_ROUTE
from captiond.services.captioner.handler import CaptionerService
from captiond.wiring.captioner import CAPTIONER_BATCH
from captiond.workqueue import Broker
from captiond.workqueue.worker import WorkerOptions

_UNREACHABLE = 1 << 20


@contextmanager
def open_captioner(place: Place) -> Iterator[Callable[[int], None]]:
    """Build the service as `captiond captioner` does, but without periodic work."""
    configure_logging("captioner", place.folder / "log", "INFO")
    options = WorkerOptions(
        batch_size=CAPTIONER_BATCH,
        lease_seconds=DISABLED_SECONDS,
        delayed_check_seconds=DISABLED_SECONDS,
        handler_timeout_seconds=DISABLED_SECONDS,
        grace_seconds=DISABLED_SECONDS,
        high_water_mark=_UNREACHABLE,
    )
    handle = CaptionerService(Captioner(Style()), KeepOriginals.REENCODED, CaptionTemplate()).handle
    service = Service("captioner", CAPTIONER_ROUTE, handle, options)
    with Broker(place.redis_url) as broker:
        yield lambda count: work(broker, service, place.folder, count)
