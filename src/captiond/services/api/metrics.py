"""What Prometheus reads: the state of the queues, measured when it asks."""

from collections.abc import Iterable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from captiond.messages import CAPTIONED, UPLOADS
from captiond.services.api.parts import Parts
from captiond.services.api.problems import UNAVAILABLE, documented
from captiond.workqueue import Monitor, QueueStats

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


class _QueueCollector(Collector):
    def __init__(self, stats: Iterable[QueueStats]) -> None:
        self._stats = tuple(stats)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, meaning in GAUGES.items():
            gauge = GaugeMetricFamily(f"captiond_queue_{name}", meaning, labels=["queue"])
            for stats in self._stats:
                gauge.add_metric([stats.queue], getattr(stats, name))
            yield gauge


@router.get(
    "/metrics",
    summary="The state of the queues for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **documented(UNAVAILABLE)},
)
def metrics(parts: Parts) -> Response:
    return Response(_exposition(parts.monitor), media_type=CONTENT_TYPE_LATEST)


def _exposition(monitor: Monitor) -> bytes:
    registry = CollectorRegistry()
    registry.register(_QueueCollector(monitor.stats(queue) for queue in (UPLOADS, CAPTIONED)))
    return generate_latest(registry)
