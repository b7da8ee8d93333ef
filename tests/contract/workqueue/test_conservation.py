"""Whatever happens in whatever order, no message is lost or doubled, and the bytes are accounted for."""

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
    rule,
    run_state_machine_as_test,
)
from tests.contract.workqueue.line import FIRST, SECOND, SOON_SECONDS, Line, a_message
from tests.servers.queues import RedisServer

from captiond.workqueue import Message
from captiond.workqueue.admin import QueueStats
from captiond.workqueue.message import Delivery
from captiond.workqueue.worker import Acknowledge, Forward, Reject

ERROR = RuntimeError("it broke")
MAX_FAILURES = 3


def test_nothing_is_lost_or_doubled_and_all_bytes_are_accounted_for(redis_server: RedisServer) -> None:
    """Without the disk, which would take most of the time and adds nothing to what is tested here."""

    class OnThisServer(Conservation):
        server = redis_server

    redis_server.client().config_set("appendfsync", "no")

    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_an_emptied_queue_holds_no_bytes_whatever_was_done_by_hand(line: Line) -> None:
    line.send(a_message())
    line.insert({b"no": b"message"})
    consumer = line.join()
    deleted, inserted = line.take(consumer, 2)
    line.client.xdel(line.keys.stream(FIRST), deleted.entry)
    consumer.settle([(inserted, Reject(ERROR))])
    assert line.held_bytes()[line.keys.stream(FIRST)] != 0

    consumer.claim(1, 30)

    assert line.keys.stream(FIRST) not in line.held_bytes()
    assert line.owner(deleted) != ""


class Conservation(RuleBasedStateMachine):
    """Messages go from `first` to `second` and end there, by the hands of two consumers on each."""

    server: RedisServer
    messages = Bundle[Message]("messages")
    first = Bundle[Delivery]("first")
    second = Bundle[Delivery]("second")
    consumers = st.integers(min_value=0, max_value=1)

    def __init__(self) -> None:
        super().__init__()
        self.server.client().flushall()
        self.opened = ExitStack()
        self.line = self.opened.enter_context(Line(self.server))
        self.at_first = [self.line.join(FIRST) for _ in range(2)]
        self.at_second = [self.line.join(SECOND) for _ in range(2)]
        self.sent = self.finished = self.dropped = 0

    def teardown(self) -> None:
        self.opened.close()

    @rule(target=messages, body=st.binary(max_size=50))
    def send(self, body: bytes) -> Message:
        message = a_message(body)
        self.line.send(message)
        self.sent += 1
        return message

    @rule(message=messages)
    def send_again(self, message: Message) -> None:
        self.sent += self.line.send(message)[0].new

    @rule(target=first, who=consumers)
    def receive_at_first(self, who: int) -> MultipleResults[Delivery]:
        return multiple(*self.at_first[who].receive(2, SOON_SECONDS / 20))

    @rule(target=second, who=consumers)
    def receive_at_second(self, who: int) -> MultipleResults[Delivery]:
        return multiple(*self.at_second[who].receive(2, SOON_SECONDS / 20))

    @rule(target=first, who=consumers, delivery=first)
    def lapse_and_claim(self, who: int, delivery: Delivery) -> MultipleResults[Delivery]:
        if self.line.owner(delivery):
            self.line.lapse(delivery)
        return multiple(*self.at_first[who].claim(5, 30))

    @rule(target=second, who=consumers)
    def claim_at_second(self, who: int) -> MultipleResults[Delivery]:
        return multiple(*self.at_second[who].claim(5, 30))

    @rule(who=consumers, delivery=first)
    def renew(self, who: int, delivery: Delivery) -> None:
        self.at_first[who].renew([delivery.entry])

    @rule(who=consumers, delivery=first)
    def hand_off(self, who: int, delivery: Delivery) -> None:
        self.at_first[who].settle([(delivery, Forward(delivery.message().headers, "passed"))])

    @rule(who=consumers, delivery=consumes(second))
    def finish(self, who: int, delivery: Delivery) -> None:
        self.finished += sum(self.at_second[who].settle([(delivery, Acknowledge("done"))]))

    @rule(who=consumers, delivery=first)
    def bury_at_first(self, who: int, delivery: Delivery) -> None:
        self.at_first[who].settle([(delivery, Reject(ERROR))])

    @rule(who=consumers, delivery=second)
    def bury_at_second(self, who: int, delivery: Delivery) -> None:
        self.at_second[who].settle([(delivery, Reject(ERROR))])

    @rule(who=consumers, delivery=first)
    def release(self, who: int, delivery: Delivery) -> None:
        self.at_first[who].release([delivery])

    @rule(who=consumers, delivery=second)
    def fail(self, who: int, delivery: Delivery) -> None:
        self.at_second[who].fail(delivery, ERROR, 0, MAX_FAILURES)

    @rule(queue=st.sampled_from([FIRST, SECOND]))
    def retry(self, queue: str) -> None:
        letters = self.line.broker.dead_letters(queue)
        for letter in letters:
            letters.redrive(letter, "again")

    @rule(queue=st.sampled_from([FIRST, SECOND]))
    def drop(self, queue: str) -> None:
        letters = self.line.broker.dead_letters(queue)
        self.dropped += sum(letters.delete(letter) for letter in letters)

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        inside = sum(stats.depth + stats.in_flight + stats.delayed + stats.dead_letters for stats in self.all_stats())

        assert self.sent == inside + self.finished + self.dropped

    @invariant()
    def the_totals_say_so_too(self) -> None:
        totals = self.line.broker.monitor.totals([FIRST, SECOND])

        assert (totals.accepted, totals.finished, totals.dropped) == (self.sent, self.finished, self.dropped)
        assert totals.unaccounted == 0
        assert totals.held_bytes == sum(self.line.stored_bytes().values())

    @invariant()
    def what_is_held_is_what_is_stored(self) -> None:
        assert self.line.held_bytes() == self.line.stored_bytes()

    @invariant()
    def each_message_has_its_body_and_there_is_no_other(self) -> None:
        assert self.line.all_bodies() == self.line.all_ids()

    def all_stats(self) -> list[QueueStats]:
        return [self.line.stats(queue) for queue in (FIRST, SECOND)]
