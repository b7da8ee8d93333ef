"""The outcomes of attempts that outlast their batch."""

from datetime import UTC, datetime
from uuid import uuid4

from captiond.services.notifier.events import Event
from captiond.services.notifier.lanes import MAX_KEPT_SECONDS, Lanes
from captiond.webhooks import EventType
from captiond.workqueue.worker import Retry


def test_old_outcome_is_dropped_and_its_event_attempted_again() -> None:
    seconds = [0.0]
    lanes = Lanes(30.0, lambda: seconds[-1])
    attempted: list[Event] = []

    def attempt(event: Event) -> Retry:
        attempted.append(event)
        return failure

    failure = Retry(ValueError("it broke"))
    one = Event(uuid4(), uuid4(), uuid4(), EventType.STORED, datetime.now(UTC))
    lanes.run({one.webhook_id: [one]}, attempt)
    seconds.append(MAX_KEPT_SECONDS)
    lanes.run({one.webhook_id: [one]}, attempt)
    assert attempted == [one]

    seconds.append(MAX_KEPT_SECONDS + 0.1)
    assert lanes.collect([one.id]) == ({}, set())
    lanes.run({one.webhook_id: [one]}, attempt)

    assert lanes.collect([one.id]) == ({one.id: failure}, set())
    assert attempted == [one, one]
    lanes.close()
