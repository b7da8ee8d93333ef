"""Scenario 35: any order of sends, reads, crashes, lost replies and rollbacks keeps what was promised."""

from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from captiond.workqueue import Message
from captiond.workqueue.message import Delivery
from captiond.workqueue.worker import Acknowledge, Forward, Reject
from tests.contract.workqueue.line import FIRST, SECOND, SOON_SECONDS, Line, a_message
from tests.faults.results import Result, append
from tests.faults.servers import IN_FULL, version_of
from tests.servers.queues import RedisServer

# As in the table in full: 500 examples of 50 steps; quickly 25 of 40.
EXAMPLES, STEPS = (500, 50) if IN_FULL else (25, 40)
CAP = 4
LEASE_SECONDS = 30
ERROR = RuntimeError("it broke")


@pytest.mark.timeout(900)
def test_any_order_of_events_keeps_what_was_promised(server: RedisServer) -> None:
    """Without the disk, which would take most of the time and adds nothing to what is tested here."""

    class OnThisServer(Journey):
        redis_server = server

    server.client().config_set("appendfsync", "no")

    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

    assert OnThisServer.steps > EXAMPLES
    counts = (OnThisServer.sent_in_all, OnThisServer.steps, OnThisServer.sent_in_all, 0, 0, 0, 0, 0, 0.0)
    append(Result("35", "state machine", version_of(server), "none", *counts, f"{EXAMPLES} examples of {STEPS} steps"))


class Journey(RuleBasedStateMachine):
    """The archive is outside of Redis: what it has, it keeps, even where Redis is set back."""

    redis_server: RedisServer
    steps = 0
    sent_in_all = 0
    first = Bundle[Delivery]("first")
    second = Bundle[Delivery]("second")
    consumers = st.integers(min_value=0, max_value=1)

    def __init__(self) -> None:
        super().__init__()
        self.redis_server.client().flushall()
        self.opened = ExitStack()
        self.line = self.opened.enter_context(Line(self.redis_server))
        self.at_first = [self.line.join(FIRST) for _ in range(2)]
        self.at_second = [self.line.join(SECOND) for _ in range(2)]
        self.known: list[Message] = []
        self.archive: set[str] = set()
        self.handed_off: dict[str, int] = {}
        self.saved: tuple[dict[bytes | str, bytes], list[Message], dict[str, int]] | None = None

    def teardown(self) -> None:
        self.opened.close()

    @rule()
    def send(self) -> None:
        message = a_message()
        self.line.send(message)
        self.known.append(message)
        type(self).sent_in_all += 1

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        [receipt] = self.line.send(data.draw(st.sampled_from(self.known)))
        assert not receipt.new

    @rule(target=first, who=consumers)
    def receive_at_first(self, who: int) -> MultipleResults[Delivery]:
        return multiple(*self.at_first[who].receive(2, SOON_SECONDS / 20))

    @rule(target=second, who=consumers)
    def receive_at_second(self, who: int) -> MultipleResults[Delivery]:
        return multiple(*self.at_second[who].receive(2, SOON_SECONDS / 20))

    @rule(who=consumers)
    def lose_the_reply_to_a_read(self, who: int) -> None:
        self.at_first[who].receive(1, SOON_SECONDS / 20)

    @rule(who=consumers, queue=st.sampled_from([FIRST, SECOND]))
    def crash_and_start_anew(self, who: int, queue: str) -> None:
        """Under a new name; what was in hand is forgotten, its lease runs out by and by."""
        at = self.at_first if queue == FIRST else self.at_second
        at[who] = self.line.join(queue)

    @rule(target=first, who=consumers, delivery=first)
    def lapse_and_claim_at_first(self, who: int, delivery: Delivery) -> MultipleResults[Delivery]:
        if self.line.owner(delivery):
            self.line.lapse(delivery)
        return multiple(*self.at_first[who].claim(5, LEASE_SECONDS))

    @rule(target=second, who=consumers, delivery=second)
    def lapse_and_claim_at_second(self, who: int, delivery: Delivery) -> MultipleResults[Delivery]:
        if self.line.owner(delivery, SECOND):
            self.line.lapse(delivery, queue=SECOND)
        return multiple(*self.at_second[who].claim(5, LEASE_SECONDS))

    @rule(who=consumers, delivery=first)
    def renew_only_what_is_ours(self, who: int, delivery: Delivery) -> None:
        consumer = self.at_first[who]
        owner = self.line.owner(delivery)
        assert consumer.renew([delivery.entry]) == ({delivery.entry} if owner == consumer.name else set())
        assert self.line.owner(delivery) == owner

    @rule(who=consumers, delivery=first)
    def hand_off(self, who: int, delivery: Delivery) -> None:
        [first] = self.at_first[who].settle([(delivery, Forward(delivery.message().headers, "passed"))])
        self.handed_off[delivery.id] = self.handed_off.get(delivery.id, 0) + first

    @rule(who=consumers, delivery=consumes(second))
    def archive_and_finish(self, who: int, delivery: Delivery) -> None:
        self.archive.add(delivery.id)
        self.at_second[who].settle([(delivery, Acknowledge("done"))])

    @rule(delivery=second)
    def archive_and_crash(self, delivery: Delivery) -> None:
        self.archive.add(delivery.id)

    @rule(who=consumers, delivery=first)
    def park(self, who: int, delivery: Delivery) -> None:
        failures = self.at_first[who].fail(delivery, ERROR, 0, CAP)
        assert failures <= CAP
        if failures == CAP:
            self.at_first[who].settle([(delivery, Reject(ERROR))])

    @rule(who=consumers, delivery=first)
    def release(self, who: int, delivery: Delivery) -> None:
        self.at_first[who].release([delivery])

    @rule()
    def take_a_copy(self) -> None:
        """As a replica that from now on hears no more."""
        client = self.line.client
        copy = {key: bytes(client.dump(key)) for key in client.scan_iter()}  # type: ignore[arg-type] # it is there
        self.saved = (copy, list(self.known), dict(self.handed_off))

    @precondition(lambda self: self.saved)
    @rule()
    def fail_over_to_the_copy(self) -> None:
        """What was sent since is lost, and no promise was kept for it; what was before must still be all there."""
        assert self.saved
        copy, self.known, self.handed_off = self.saved[0], list(self.saved[1]), dict(self.saved[2])
        client = self.line.client
        client.flushall()
        for key, value in copy.items():
            client.restore(key, 0, value)

    @invariant()
    def every_message_is_somewhere(self) -> None:
        type(self).steps += 1
        inside = self.ids_in(FIRST) + self.ids_in(SECOND)
        dead = self.dead_ids()
        assert len(inside) == len(set(inside)), "a message is in two places"
        assert not set(inside) & set(dead)
        assert {str(message.id) for message in self.known} <= {*inside, *dead, *self.archive}

    @invariant()
    def each_is_handed_off_at_most_once(self) -> None:
        assert all(times <= 1 for times in self.handed_off.values())

    @invariant()
    def what_is_held_is_what_is_stored(self) -> None:
        assert self.line.held_bytes() == self.line.stored_bytes()

    @invariant()
    def each_message_has_its_body_and_there_is_no_other(self) -> None:
        assert self.line.all_bodies() == self.line.all_ids()

    def ids_in(self, queue: str) -> list[str]:
        return [fields[b"id"].decode() for fields in self.line.entries(self.line.keys.stream(queue))]

    def dead_ids(self) -> list[str]:
        return [fields[b"id"].decode() for fields in self.line.entries(self.line.keys.dead(FIRST))]
