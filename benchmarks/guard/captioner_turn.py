"""The captioner's turn: receive a batch, caption it, hand it off."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.guard.hot_paths import Place
from benchmarks.guard.turns import UNHURRIED_SECONDS, Service, work

from captiond.imaging import Captioner, Style
from captiond.logs import configure_logging
from captiond.pipeline import CAPTIONER_ROUTE
from captiond.services.captioner.handler import CaptionerService, KeepOriginals
from captiond.wiring import CAPTIONER_BATCH
from captiond.workqueue import Broker
from captiond.workqueue.worker import WorkerOptions

_NEVER_REACHED = 1 << 20


@contextmanager
def open_captioner(place: Place) -> Iterator[Callable[[int], None]]:
    """As `captiond captioner` puts it together, but for what goes by the clock."""
    configure_logging("captioner", place.folder / "log", "INFO")
    options = WorkerOptions(
        batch_size=CAPTIONER_BATCH,
        lease_seconds=UNHURRIED_SECONDS,
        delayed_check_seconds=UNHURRIED_SECONDS,
        handler_timeout_seconds=UNHURRIED_SECONDS,
        grace_seconds=UNHURRIED_SECONDS,
        high_water_mark=_NEVER_REACHED,
    )
    handle = CaptionerService(Captioner(Style()), KeepOriginals.REENCODED).handle
    service = Service("captioner", CAPTIONER_ROUTE, handle, options)
    with Broker(place.redis_url) as broker:
        yield lambda count: work(broker, service, place.folder, count)
