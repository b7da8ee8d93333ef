"""The state of the system for operators. Each part is read with a time limit, independently of the others."""

import asyncio
import platform
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TypeVar

from fastapi import APIRouter

from captiond.archive import ArchiveUnavailable
from captiond.imaging.jpeg.native import is_native
from captiond.operations.verify_report import find_report
from captiond.pipeline import DAMAGED, QUEUES
from captiond.services.api.backlog import measure_backlog
from captiond.services.api.bodies.operations import (
    BudgetReport,
    BudgetsReport,
    Changes,
    ConsumerReport,
    DatabaseReport,
    HistoryReport,
    OperationsReport,
    PeriodReport,
    PipelineReport,
    PointReport,
    QueueReport,
    ReadinessReport,
    TotalsReport,
    VerifySummary,
    VersionsReport,
)
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.dependency import Dependency
from captiond.services.api.health import READY_SECONDS, find_problems
from captiond.services.api.http.problem_types import OPERATIONS_DISABLED, UNAVAILABLE
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.operations_access import OperationsRoute
from captiond.workqueue.admin import DAY, HOUR, Monitor, Period, QueueStats, Totals, counted
from captiond.workqueue.errors import QueueUnavailable

MAX_CONSUMERS = 100
# The format of `Broker.consumer`.
CONSUMER_NAME = re.compile(r"([a-z]+)-(.+)-\d+-[0-9a-f]{8}")

T = TypeVar("T")

router = APIRouter(tags=["operations"], route_class=OperationsRoute)


@router.get(
    "/operations",
    summary="Get the state of queues, workers, database and settings",
    responses=problem_responses(OPERATIONS_DISABLED, UNAVAILABLE),
)
async def get_operations(context: Context) -> OperationsReport:
    """Return the state of the system, also while Redis or the database is unavailable."""
    return await read_operations(context)


async def read_operations(context: ApiContext) -> OperationsReport:
    """Read the state of the system within READY_SECONDS. Parts of unavailable servers are None."""
    now = datetime.now(UTC)
    pipeline, database, (problems, warnings) = await asyncio.gather(
        _read(context.redis, lambda: _read_pipeline(context, now)),
        _read(context.archive_access, lambda: DatabaseReport.model_validate(context.archive.read_version())),
        find_problems(context),
    )
    return OperationsReport(
        measured_at=now,
        readiness=ReadinessReport(ready=not problems, problems=problems, warnings=warnings),
        pipeline=pipeline,
        database=database,
        versions=VersionsReport(
            captiond=version("captiond"),
            python=platform.python_version(),
            pillow=version("pillow"),
            decoder="compiled" if is_native() else "interpreted",
        ),
        settings=list(context.operations.settings),
    )


async def _read(dependency: Dependency, read: Callable[[], T]) -> T | None:
    """Return None if the dependency is unavailable. The readiness check states the reason."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await dependency.run(read)
    except (TimeoutError, Problem, QueueUnavailable, ArchiveUnavailable):
        return None


def _read_pipeline(context: ApiContext, now: datetime) -> PipelineReport:
    monitor = context.monitor
    queues = [monitor.stats(queue) for queue in QUEUES]
    totals = monitor.totals(QUEUES)
    history = context.operations.history
    verified = find_report(monitor)
    return PipelineReport(
        server=_describe_server(monitor.server_info()),
        queues=[_describe_queue(stats, monitor, now) for stats in queues],
        budgets=_describe_budgets(context, queues, totals),
        totals=TotalsReport(
            accepted=totals.accepted,
            archived=totals.acknowledged,
            failed=totals.rejected,
            damaged=totals.counted.get(DAMAGED, 0),
            dropped=totals.dropped,
            redelivered=totals.redelivered,
            leases_expired=totals.leases_expired,
            fenced=totals.fenced,
            unaccounted=totals.unaccounted,
        ),
        history=HistoryReport(hour=_describe_period(history.read(HOUR)), day=_describe_period(history.read(DAY))),
        last_verify=VerifySummary.model_validate(verified) if verified else None,
    )


def _describe_server(info: Mapping[str, object]) -> str:
    if info.get("valkey_version"):
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', '')}"


def _describe_queue(stats: QueueStats, monitor: Monitor, now: datetime) -> QueueReport:
    consumers = []
    for consumer in monitor.consumers(stats.queue)[:MAX_CONSUMERS]:
        parts = CONSUMER_NAME.fullmatch(consumer.name)
        consumers.append(
            ConsumerReport(
                name=consumer.name,
                service=parts[1] if parts else None,
                host=parts[2] if parts else None,
                in_flight=consumer.in_flight,
                idle_seconds=consumer.idle_seconds,
                last_seen=now - timedelta(seconds=consumer.idle_seconds),
            )
        )
    return QueueReport(
        queue=stats.queue,
        depth=stats.depth,
        in_flight=stats.in_flight,
        delayed=stats.delayed,
        dead_letters=stats.dead_letters,
        oldest_age_seconds=stats.oldest_age_seconds,
        bytes=stats.queued_bytes,
        active_consumers=stats.consumers,
        consumers=consumers,
    )


def _describe_budgets(context: ApiContext, queues: list[QueueStats], totals: Totals) -> BudgetsReport:
    budget = context.uploads.budget
    messages, used_bytes = measure_backlog(queues, totals, budget)
    return BudgetsReport(
        messages=BudgetReport(used=messages, limit=budget.max_messages),
        bytes=BudgetReport(used=used_bytes, limit=budget.max_bytes),
        dead_letter_bytes=BudgetReport(used=totals.dead_letter_bytes, limit=budget.max_dead_letter_bytes),
    )


def _describe_period(period: Period) -> PeriodReport:
    return PeriodReport(
        step_seconds=period.step_seconds,
        seconds=period.seconds,
        changes=_describe_changes(period.changes),
        points=[
            PointReport(
                at=point.at,
                seconds=point.seconds,
                changes=None if point.changes is None else _describe_changes(point.changes),
            )
            for point in period.points
        ],
    )


def _describe_changes(changes: Mapping[str, int]) -> Changes:
    return Changes(
        accepted=changes.get("accepted", 0),
        archived=changes.get("finished", 0),
        failed=changes.get("rejected", 0),
        damaged=changes.get(counted(DAMAGED), 0),
    )
