"""A Hypothesis state machine of two queues: sends, crashes, settlements, redrives and failovers in any order.

The contract suite runs it briefly, the fault suite at length.
"""

from contextlib import ExitStack

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
from tests.contract.workqueue.queues import FIRST, SECOND, SOON_SECONDS, Queues, a_message
from tests.servers.queues import RedisServer

from captiond.workqueue import Message
from captiond.workqueue.message import Delivery
from captiond.workqueue.worker import Acknowledge, Forward, Reject

ERROR = RuntimeError("it broke")
MAX_FAILURES = 3
LEASE_SECONDS = 30
ANY_QUEUE = st.sampled_from([FIRST, SECOND])


def run_state_machine(server: RedisServer, examples: int, steps: int) -> "type[QueueStates]":
    """Run the machine and return it with its counts; without fsync, which takes time and changes nothing here."""

    class OnThisServer(QueueStates):
        redis_server = server

    server.client().config_set("appendfsync", "no")
    checks = list(HealthCheck)
    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks
        ),
    )
    return OnThisServer


class QueueStates(RuleBasedStateMachine):
    """Messages move from `first` to `second` and end there; each queue has two consumers.

    The archive is outside Redis: it keeps its images when Redis fails over to an older copy.
    """

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
        self.queues = self.opened.enter_context(Queues(self.redis_server))
        self.at = {queue: [self.queues.consumer(queue) for _ in range(2)] for queue in (FIRST, SECOND)}
        self.known: list[Message] = []
        self.archive: set[str] = set()
        self.dropped: set[str] = set()
        self.forwarded: dict[str, int] = {}
        self.saved: tuple[dict[bytes | str, bytes], list[Message], dict[str, int], set[str]] | None = None

    def teardown(self) -> None:
        self.opened.close()

    @rule(payload=st.binary(max_size=50))
    def send(self, payload: bytes) -> None:
        message = a_message(payload)
        assert self.queues.send(message)[0].new
        self.known.append(message)
        type(self).sent_in_all += 1

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.known))
        is_dropped = str(message.id) in self.dropped
        assert self.queues.send(message)[0].new == is_dropped
        if is_dropped:
            self.dropped.remove(str(message.id))
            self.forwarded.pop(str(message.id), None)

    @rule(target=first, who=consumers)
    def receive_at_first(self, who: int) -> MultipleResults[Delivery]:
        return multiple(*self.at[FIRST][who].receive(2, SOON_SECONDS / 20))

    @rule(target=second, who=consumers)
    def receive_at_second(self, who: int) -> MultipleResults[Delivery]:
        return multiple(*self.at[SECOND][who].receive(2, SOON_SECONDS / 20))

    @rule(who=consumers)
    def lose_the_reply_to_a_read(self, who: int) -> None:
        self.at[FIRST][who].receive(1, SOON_SECONDS / 20)

    @rule(who=consumers, queue=ANY_QUEUE)
    def crash_and_restart(self, who: int, queue: str) -> None:
        """Restart under a new name; the in-flight messages wait for their leases to expire."""
        self.at[queue][who] = self.queues.consumer(queue)

    @rule(target=first, who=consumers, delivery=first)
    def expire_and_claim_at_first(self, who: int, delivery: Delivery) -> MultipleResults[Delivery]:
        if self.queues.owner(delivery):
            self.queues.expire(delivery)
        return multiple(*self.at[FIRST][who].claim(5, LEASE_SECONDS))

    @rule(target=second, who=consumers, delivery=second)
    def expire_and_claim_at_second(self, who: int, delivery: Delivery) -> MultipleResults[Delivery]:
        if self.queues.owner(delivery, SECOND):
            self.queues.expire(delivery, queue=SECOND)
        return multiple(*self.at[SECOND][who].claim(5, LEASE_SECONDS))

    @rule(who=consumers, delivery=first)
    def renew(self, who: int, delivery: Delivery) -> None:
        consumer, owner = self.at[FIRST][who], self.queues.owner(delivery)
        assert consumer.renew([delivery.entry]) == ({delivery.entry} if owner == consumer.name else set())
        assert self.queues.owner(delivery) == owner

    @rule(who=consumers, delivery=first)
    def forward(self, who: int, delivery: Delivery) -> None:
        [result] = self.at[FIRST][who].settle([(delivery, Forward(delivery.decode().headers, "forwarded"))])
        self.forwarded[delivery.id] = self.forwarded.get(delivery.id, 0) + bool(result)

    @rule(who=consumers, delivery=consumes(second))
    def archive_and_acknowledge(self, who: int, delivery: Delivery) -> None:
        self.archive.add(delivery.id)
        self.at[SECOND][who].settle([(delivery, Acknowledge("done"))])

    @rule(delivery=second)
    def archive_and_crash(self, delivery: Delivery) -> None:
        self.archive.add(delivery.id)

    @rule(who=consumers, delivery=first)
    def reject_at_first(self, who: int, delivery: Delivery) -> None:
        self.at[FIRST][who].settle([(delivery, Reject(ERROR))])

    @rule(who=consumers, delivery=second)
    def reject_at_second(self, who: int, delivery: Delivery) -> None:
        self.at[SECOND][who].settle([(delivery, Reject(ERROR))])

    @rule(who=consumers, delivery=first)
    def fail(self, who: int, delivery: Delivery) -> None:
        failures = self.at[FIRST][who].record_failure(delivery, ERROR, [0] * (MAX_FAILURES - 1))
        assert failures <= MAX_FAILURES
        if failures == MAX_FAILURES:
            self.at[FIRST][who].settle([(delivery, Reject(ERROR))])

    @rule(who=consumers, delivery=first)
    def requeue(self, who: int, delivery: Delivery) -> None:
        self.at[FIRST][who].requeue([delivery])

    @rule(queue=ANY_QUEUE)
    def redrive_all(self, queue: str) -> None:
        letters = self.queues.broker.dead_letters(queue)
        for letter in letters:
            assert letters.redrive(letter, "again")

    @rule(queue=ANY_QUEUE)
    def delete_all(self, queue: str) -> None:
        letters = self.queues.broker.dead_letters(queue)
        self.dropped |= {letter.id for letter in letters if letters.delete(letter)}

    @rule()
    def copy_to_a_replica(self) -> None:
        """The replica receives nothing after this."""
        client = self.queues.client
        copy = {key: bytes(client.dump(key)) for key in client.scan_iter()}  # type: ignore[arg-type] # it exists
        self.saved = (copy, list(self.known), dict(self.forwarded), set(self.dropped))

    @precondition(lambda self: self.saved)
    @rule()
    def fail_over_to_the_replica(self) -> None:
        """Messages sent since the copy are lost; all earlier ones must exist."""
        assert self.saved
        copy, self.known, self.forwarded = self.saved[0], list(self.saved[1]), dict(self.saved[2])
        self.dropped = set(self.saved[3])
        client = self.queues.client
        client.flushall()
        for key, value in copy.items():
            client.restore(key, 0, value)

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        type(self).steps += 1
        inside = self.ids_in()
        assert len(inside) == len(set(inside)), "a message is in two places"
        assert {str(message.id) for message in self.known} <= {*inside, *self.archive, *self.dropped}

    @invariant()
    def totals_account_for_every_message(self) -> None:
        totals = self.queues.broker.monitor.totals([FIRST, SECOND])
        assert totals.unaccounted == 0
        assert totals.queued_or_dead == len(self.ids_in())
        assert totals.queued_bytes + totals.dead_letter_bytes == sum(self.queues.actual_bytes().values())

    @invariant()
    def each_message_is_forwarded_at_most_once(self) -> None:
        assert all(times <= 1 for times in self.forwarded.values())

    @invariant()
    def byte_counts_are_exact(self) -> None:
        assert self.queues.counted_bytes() == self.queues.actual_bytes()

    @invariant()
    def each_message_has_its_payload_and_there_is_no_other(self) -> None:
        assert self.queues.payload_ids() == self.queues.message_ids()

    def ids_in(self) -> list[str]:
        """The ids in both queues and their dead-letter queues."""
        keys = self.queues.keys
        streams = [name(queue) for queue in (FIRST, SECOND) for name in (keys.stream, keys.dead_letters)]
        return [fields[b"id"].decode() for stream in streams for fields in self.queues.entries(stream)]
