"""The use of the queue's budget."""

from collections.abc import Iterable

from captiond.pipeline import UPLOADS
from captiond.workqueue import Budget
from captiond.workqueue.admin import QueueStats, Totals


def measure_backlog(queues: Iterable[QueueStats], totals: Totals, budget: Budget) -> tuple[int, int]:
    """Return the messages and the bytes that count towards the budget, with the excess of dead letters."""
    [uploads] = (queue for queue in queues if queue.queue == UPLOADS)
    messages = uploads.depth + uploads.in_flight + uploads.delayed
    excess = max(totals.dead_letter_bytes - budget.max_dead_letter_bytes, 0)
    return messages, totals.queued_bytes + excess
