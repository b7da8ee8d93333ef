"""What Prometheus reads: the state of the queues, measured when it asks."""

from collections.abc import Iterable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from captiond.pipeline import QUEUES
from captiond.services.api.dependencies import Parts
from captiond.services.api.http.problems import UNAVAILABLE, documented
from captiond.workqueue import Budget
from captiond.workqueue.admin import Monitor, QueueStats, Totals

router = APIRouter(tags=["health"])

GAUGES = {
    "depth": "messages that wait",
    "in_flight": "messages in the hands of workers",
    "parked": "messages put aside until a retry is due",
    "dead": "dead letters",
    "oldest_age_seconds": "age of the oldest message",
    "held_bytes": "bytes held by the queue",
    "consumers": "workers seen within the last minute",
}


COUNTERS = {
    "accepted": "images that were accepted",
    "finished": "images that were archived",
    "dropped": "dead letters that were deleted by hand",
    "redelivered": "deliveries that were not a message's first",
    "leases_lost": "leases that ran out while their worker still worked",
    "fenced": "settlements that came after somebody else's, and changed nothing",
}


class _QueueCollector(Collector):
    def __init__(self, stats: Iterable[QueueStats]) -> None:
        self._stats = tuple(stats)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, meaning in GAUGES.items():
            gauge = GaugeMetricFamily(f"captiond_queue_{name}", meaning, labels=["queue"])
            for stats in self._stats:
                gauge.add_metric([stats.queue], getattr(stats, name))
            yield gauge


class _TotalsCollector(Collector):
    def __init__(self, totals: Totals, budget: Budget, waiting: int) -> None:
        self._totals = totals
        self._used = max(waiting / budget.max_messages, totals.held_bytes / budget.max_bytes)

    def collect(self) -> Iterable[Metric]:
        for name, meaning in COUNTERS.items():
            yield CounterMetricFamily(
                f"captiond_{name}", meaning, value=getattr(self._totals, "acknowledged" if name == "finished" else name)
            )
        missing = "images accepted and neither archived, dropped, queued nor dead: anything but 0 is an alarm"
        yield GaugeMetricFamily("captiond_unaccounted", missing, value=self._totals.unaccounted)
        used = "share of the backlog's budget that is used, in messages or bytes; at 1 uploads get 503"
        yield GaugeMetricFamily("captiond_budget_used_ratio", used, value=self._used)


@router.get(
    "/metrics",
    summary="The state of the queues for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **documented(UNAVAILABLE)},
)
def metrics(parts: Parts) -> Response:
    return Response(_exposition(parts.monitor, parts.uploads.budget), media_type=CONTENT_TYPE_LATEST)


def _exposition(monitor: Monitor, budget: Budget) -> bytes:
    queues = [monitor.stats(queue) for queue in QUEUES]
    waiting = queues[0].depth + queues[0].in_flight + queues[0].delayed
    registry = CollectorRegistry()
    registry.register(_QueueCollector(queues))
    registry.register(_TotalsCollector(monitor.totals(QUEUES), budget, waiting))
    return generate_latest(registry)
