"""Prometheus metrics, read from Redis at each scrape."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from captiond.operations.rejection_log import RejectionLog
from captiond.operations.retention_report import RetentionReport, find_retention_report
from captiond.pipeline import (
    ARCHIVER,
    DAMAGED,
    DELETED,
    DELETED_BYTES,
    FTP_REJECTED,
    QUEUES,
    WEBHOOK_EVENTS_LOST,
    WEBHOOK_RESULT,
    WEBHOOKS,
)
from captiond.services.api.backlog import measure_backlog
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.http.problem_types import UNAVAILABLE
from captiond.services.api.http.problems import problem_responses
from captiond.workqueue import Budget
from captiond.workqueue.admin import QueueStats, Totals

router = APIRouter(tags=["health"], route_class=DeadlineRoute)


# By name after `captiond_queue_`.
GAUGES: dict[str, tuple[str, Callable[[QueueStats], float]]] = {
    "depth": ("Messages waiting for a worker.", lambda queue: queue.depth),
    "in_flight": ("Messages delivered to workers and not acknowledged.", lambda queue: queue.in_flight),
    "delayed": ("Messages waiting for a retry.", lambda queue: queue.delayed),
    "dead_letters": ("Messages in the dead-letter queue.", lambda queue: queue.dead_letters),
    "oldest_age_seconds": (
        "Age of the oldest message, in-flight and delayed ones included.",
        lambda queue: queue.oldest_age_seconds,
    ),
    "bytes": ("Bytes of the messages in the queue.", lambda queue: queue.queued_bytes),
    "consumers": ("Workers active within the last 60 s.", lambda queue: queue.consumers),
}
# By name after `captiond_`.
COUNTERS: dict[str, tuple[str, Callable[[Totals], int]]] = {
    "accepted": ("Images accepted.", lambda totals: totals.accepted),
    "archived": ("Images archived.", lambda totals: totals.acknowledged),
    "damaged": ("Damaged photos captioned.", lambda totals: totals.counted.get(DAMAGED, 0)),
    "failed": ("Moves to a dead-letter queue.", lambda totals: totals.rejected),
    "dropped": ("Dead letters deleted by an operator.", lambda totals: totals.dropped),
    "deleted": ("Archived images deleted.", lambda totals: totals.counted.get(DELETED, 0)),
    "deleted_bytes": (
        "Bytes of deleted images, without originals.",
        lambda totals: totals.counted.get(DELETED_BYTES, 0),
    ),
    "redelivered": ("Redeliveries: deliveries of a message after its first.", lambda totals: totals.redelivered),
    "leases_expired": ("Leases that expired while their worker was running.", lambda totals: totals.leases_expired),
    "fenced": ("Rejected acknowledgements: the message was already settled.", lambda totals: totals.fenced),
}


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether the database answers the API, and whether the archiver can store images."""

    archive_available: bool
    archiver_storing: bool


class WebhookCollector(Collector):
    """Converts the counters of queue `webhooks` into metrics."""

    def __init__(self, totals: Totals) -> None:
        self._counted = totals.counted

    def collect(self) -> Iterable[Metric]:
        attempts = CounterMetricFamily(
            "captiond_webhook_attempts",
            "Attempts to deliver an event to a webhook, by result: delivered, status, unreachable, timeout or refused.",
            labels=["result"],
        )
        for name, count in self._counted.items():
            if name.startswith(WEBHOOK_RESULT):
                attempts.add_metric([name.removeprefix(WEBHOOK_RESULT)], count)
        yield attempts
        yield CounterMetricFamily(
            "captiond_webhook_events_refused",
            "Events that were lost because queue webhooks had 100,000 messages or 10,000 dead letters.",
            value=self._counted.get(WEBHOOK_EVENTS_LOST, 0),
        )


class ProcessCollector(Collector):
    """Converts the counters of this process since its start into metrics."""

    def __init__(self, rejections: RejectionLog) -> None:
        self._rejections = rejections

    def collect(self) -> Iterable[Metric]:
        rejected = CounterMetricFamily(
            "captiond_uploads_rejected",
            "Uploads and connections that this API process rejected since its start, by problem type.",
            labels=["reason"],
        )
        for reason, count in self._rejections.totals.items():
            rejected.add_metric([reason], count)
        yield rejected


class PipelineCollector(Collector):
    """Converts the statistics of the queues into metrics."""

    def __init__(
        self,
        queues: Sequence[QueueStats],
        totals: Totals,
        budget: Budget,
        available: Availability,
        retention: RetentionReport | None = None,
    ) -> None:
        self._queues = queues
        self._totals = totals
        self._budget = budget
        self._available = available
        self._retention = retention

    def collect(self) -> Iterable[Metric]:
        for name, (meaning, value_of) in GAUGES.items():
            gauge = GaugeMetricFamily(f"captiond_queue_{name}", meaning, labels=["queue"])
            for queue in self._queues:
                gauge.add_metric([queue.queue], value_of(queue))
            yield gauge
        for name, (meaning, count_of) in COUNTERS.items():
            yield CounterMetricFamily(f"captiond_{name}", meaning, value=count_of(self._totals))
        yield GaugeMetricFamily(
            "captiond_unaccounted",
            "Accepted images that are neither archived, dropped, queued nor dead-lettered. Alert on any value but 0.",
            value=self._totals.unaccounted,
        )
        yield GaugeMetricFamily(
            "captiond_queue_created_timestamp_seconds",
            "Time of the first upload to this queue, 0 before it. Alert on changes: the data of Redis were deleted.",
            value=self._totals.created,
        )
        yield from self._collect_budgets()
        yield from self._collect_retention()
        yield self._collect_ftp()
        yield GaugeMetricFamily(
            "captiond_archive_available",
            "1 if the database answers the API, else 0.",
            value=self._available.archive_available,
        )
        yield GaugeMetricFamily(
            "captiond_archiver_storing",
            "0 while an archiver cannot write images or rows, else 1. The readiness check states the reason.",
            value=self._available.archiver_storing,
        )

    def _collect_budgets(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "captiond_dead_letter_bytes", "Bytes of the dead letters in Redis.", value=self._totals.dead_letter_bytes
        )
        yield GaugeMetricFamily(
            "captiond_dead_letter_used_ratio",
            "Used share of CAPTIOND_MAX_DEAD_LETTER_BYTES. Above 1, the archiver cannot move dead letters to disk.",
            value=self._dead_letters_used(),
        )
        yield GaugeMetricFamily(
            "captiond_backlog_used_ratio",
            "Used share of CAPTIOND_MAX_BACKLOG or CAPTIOND_MAX_BACKLOG_BYTES, the larger one. At 1, uploads get 503.",
            value=self._backlog_used(),
        )

    def _collect_retention(self) -> Iterable[Metric]:
        """Return what the archiver has reported. Before its first report there is nothing."""
        if self._retention:
            yield GaugeMetricFamily(
                "captiond_held", "Images with a legal hold, counted every 10 minutes.", value=self._retention.held
            )
            yield GaugeMetricFamily(
                "captiond_undeleted",
                "Deleted images whose files cannot be deleted, counted every 10 minutes. Alert on any value but 0.",
                value=self._retention.undeleted,
            )
            yield GaugeMetricFamily(
                "captiond_retention_timestamp_seconds",
                "Time when an archiver last deleted all expired images. Alert if it is hours ago.",
                value=self._retention.finished_at,
            )

    def _collect_ftp(self) -> Metric:
        """Return the counters of the FTP services. Without an FTP service there are none."""
        rejected = CounterMetricFamily(
            "captiond_ftp_rejected",
            "Logins, uploads and other commands that the FTP services refused, by the code of the reply.",
            labels=["reason"],
        )
        for name, count in self._totals.counted.items():
            if name.startswith(FTP_REJECTED):
                rejected.add_metric([name.removeprefix(FTP_REJECTED)], count)
        return rejected

    def _backlog_used(self) -> float:
        messages, used_bytes = measure_backlog(self._queues, self._totals, self._budget)
        return max(messages / self._budget.max_messages, used_bytes / self._budget.max_bytes)

    def _dead_letters_used(self) -> float:
        return self._totals.dead_letter_bytes / max(self._budget.max_dead_letter_bytes, 1)


@router.get(
    "/metrics",
    summary="Read metrics in the Prometheus format",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problem_responses(UNAVAILABLE)},
)
async def metrics(context: Context) -> Response:
    return Response(await context.redis.run(lambda: _measure(context)), media_type=CONTENT_TYPE_LATEST)


def _measure(context: ApiContext) -> bytes:
    queues = [context.monitor.stats(queue) for queue in QUEUES]
    if context.notifications:
        queues.append(context.notifications.stats(WEBHOOKS))
    available = Availability(context.archive_access.is_available, context.monitor.find_problem(ARCHIVER) is None)
    totals, retention = context.monitor.totals(QUEUES), find_retention_report(context.monitor)
    collectors: list[Collector] = [
        PipelineCollector(queues, totals, context.uploads.budget, available, retention),
        ProcessCollector(context.rejections),
    ]
    if context.notifications:
        collectors.append(WebhookCollector(context.notifications.totals((WEBHOOKS,))))
    return b"".join(map(generate_latest, collectors))
