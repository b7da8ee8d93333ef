"""What can be seen of the queues: numbers, states, news, and whether the server is fit."""

import asyncio
import time
from collections.abc import Mapping

import pytest
from tests.contract.workqueue.line import FIRST, SECOND, SOON_SECONDS, Line, a_message, until

from captiond.workqueue import Broker, Route
from captiond.workqueue.admin import Event, Job, Monitor, ServerRequirements, find_server_problems
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.worker import Reject

ERROR = RuntimeError("it broke")


def follow(line: Line, after: str | None, count: int) -> list[Event]:
    """The next changes."""

    async def collect() -> list[Event]:
        events, seen = line.broker.events(), list[Event]()
        try:
            async for event in events.follow(after):
                seen += [event] if event else []
                if len(seen) == count:
                    break
        finally:
            await events.close()
        return seen

    return asyncio.run(collect())


def test_the_monitor_counts_what_waits_what_is_in_hand_what_is_parked_and_what_died(line: Line) -> None:
    messages = [a_message(b"%d" % number) for number in range(6)]
    line.send(*messages)
    consumer = line.join()
    failed, buried, released, *in_hand = line.take(consumer, 5)
    consumer.fail(failed, ERROR, 60, max_failures=5)
    consumer.settle([(buried, Reject(ERROR))])
    consumer.release([released])

    stats = line.stats()

    assert (stats.queue, stats.depth, stats.in_flight, stats.delayed, stats.dead_letters) == (
        FIRST,
        1,
        len(in_hand),
        2,
        1,
    )
    assert stats.held_bytes == 5 * messages[0].size_bytes
    assert stats.consumers == 1


def test_the_totals_count_what_went_wrong_and_what_is_missing(line: Line) -> None:
    line.send(a_message(b"stolen"), a_message(b"lost"))
    first, second = line.join(), line.join()
    stolen, _ = line.take(first, 2)
    line.lapse(stolen)
    [taken_over] = second.claim(1, 30)
    first.renew([stolen.entry])
    second.settle([(taken_over, line.passed_on(taken_over.message()))])
    first.settle([(stolen, line.passed_on(stolen.message()))])

    totals = line.broker.monitor.totals([FIRST, SECOND])

    assert (totals.redelivered, totals.leases_lost, totals.fenced) == (1, 1, 1)
    assert (totals.accepted, totals.in_system, totals.unaccounted) == (2, 2, 0)
    line.client.delete(line.keys.stream(FIRST))
    assert line.broker.monitor.totals([FIRST, SECOND]).unaccounted == 1


def test_a_queue_that_nobody_knows_is_empty(line: Line) -> None:
    stats = line.stats("unknown")

    assert (stats.depth, stats.in_flight, stats.delayed, stats.dead_letters, stats.held_bytes, stats.consumers) == (
        0,
    ) * 6
    assert stats.oldest_age_seconds == 0


def test_messages_that_nobody_has_consumed_yet_wait(line: Line) -> None:
    line.send(a_message(), a_message())

    assert (line.stats().depth, line.stats().in_flight) == (2, 0)


def test_the_age_of_a_queue_is_that_of_its_oldest_message(line: Line) -> None:
    an_hour_ago_ms = int(time.time() - 3600) * 1000
    line.client.xadd(line.keys.stream(FIRST), {"body": "old"}, id=f"{an_hour_ago_ms}-0")
    line.send(a_message())

    assert 3600 <= line.stats().oldest_age_seconds < 3700


def test_a_message_from_a_clock_ahead_is_not_younger_than_now(line: Line) -> None:
    in_an_hour_ms = int(time.time() + 3600) * 1000
    line.client.xadd(line.keys.stream(FIRST), {"body": "young"}, id=f"{in_an_hour_ms}-0")

    assert line.stats().oldest_age_seconds == 0


def test_consumers_are_those_heard_of_lately_without_what_is_parked(line: Line) -> None:
    line.send(a_message(), a_message())
    one, other = line.join(), line.join()
    line.take(one)
    other.release(line.take(other))

    assert line.stats().consumers == 2


def test_numbers_that_cannot_be_had_are_not_made_up(line: Line) -> None:
    line.client.set(line.keys.stream(FIRST), b"taken")

    with pytest.raises(QueueUnavailable, match="WRONGTYPE"):
        line.stats()


def test_numbers_that_may_not_be_had_are_not_made_up(own_line: Line) -> None:
    own_line.join()
    own_line.stats()  # so that it has its connection: a new one would have to say who it is
    own_line.client.acl_setuser("default", commands=["-xinfo"])

    with pytest.raises(QueueUnavailable, match="permission"):
        own_line.stats()


def test_a_state_follows_its_message(line: Line) -> None:
    message = a_message()
    message_id = str(message.id)
    find = line.broker.jobs.find

    assert find(message_id) is None
    line.send(message)
    assert find(message_id) == Job("queued", None, None)
    consumer = line.join()
    consumer.settle([(line.take(consumer)[0], line.passed_on(message))])
    assert find(message_id) == Job("passed", None, None)
    downstream = line.join(SECOND)
    downstream.settle([(line.take(downstream)[0], line.finished())])
    assert find(message_id) == Job("done", None, None)
    assert 0 < int(line.client.ttl(line.keys.job(message_id))) <= 60


def test_the_news_tell_each_change_in_its_order_and_resume_after_any(line: Line) -> None:
    lives, dies = a_message(), a_message()
    line.send(lives)
    line.send(dies)
    consumer = line.join()
    first, second = line.take(consumer, 2)
    consumer.settle([(first, line.passed_on(lives))])
    consumer.settle([(second, Reject(ERROR))])
    [letter] = line.broker.dead_letters(FIRST)
    line.broker.dead_letters(FIRST).redrive(letter, "again")

    seen = follow(line, "0-0", 5)

    one, two = str(lives.id), str(dies.id)
    assert [(event.id, event.state) for event in seen] == [
        (one, "queued"),
        (two, "queued"),
        (one, "passed"),
        (two, "failed"),
        (two, "again"),
    ]
    for position, event in enumerate(seen[:-1]):
        assert follow(line, event.cursor, 4 - position) == seen[position + 1 :]


def test_changes_of_one_step_are_told_one_by_one_and_resuming_misses_none(line: Line) -> None:
    messages = [a_message(), a_message()]
    line.send(*messages)
    consumer = line.join()
    taken = line.take(consumer, 2)
    [*_, last] = follow(line, "0-0", 2)
    consumer.settle([(one, line.passed_on(one.message())) for one in taken])

    first, second = follow(line, last.cursor, 2)

    assert {first.id, second.id} == {str(message.id) for message in messages}
    assert first.state == second.state == "passed"
    assert follow(line, first.cursor, 2) == [first, second]
    line.send(a_message())
    [after] = follow(line, second.cursor, 1)
    assert after.state == "queued"


def test_a_follower_without_a_cursor_sees_what_changes_from_then_on(line: Line) -> None:
    line.send(a_message())
    message = a_message()

    async def see() -> tuple[Event | None, Event | None]:
        events = line.broker.events()
        try:
            following = events.follow(None)
            quiet = await anext(following)
            await asyncio.to_thread(line.send, message)
            return quiet, await anext(following)
        finally:
            await following.aclose()  # type: ignore[attr-defined] # an async generator has it
            await events.close()

    quiet, event = asyncio.run(see())

    assert quiet is None
    assert event is not None
    assert (event.id, event.state) == (str(message.id), "queued")


def test_a_follower_of_no_news_at_all_waits_for_the_first(line: Line) -> None:
    message = a_message()

    async def see() -> Event | None:
        events = line.broker.events()
        following = events.follow(None)
        try:
            assert await anext(following) is None
            await asyncio.to_thread(line.send, message)
            return await anext(following)
        finally:
            await events.close()

    event = asyncio.run(see())

    assert event is not None
    assert event.id == str(message.id)


def test_old_news_are_trimmed(line: Line) -> None:
    pipeline = line.client.pipeline(transaction=False)
    for _ in range(11_000):
        pipeline.xadd(line.keys.events, {"id": "7", "state": "old"})
    pipeline.execute()

    line.send(a_message())

    assert line.client.xlen(line.keys.events) < 10_200


def test_views_of_a_server_that_is_away_are_unavailable(own_line: Line) -> None:
    broker = own_line.broker
    broker.monitor.ping()
    own_line.server.kill()

    for ask in (
        broker.monitor.ping,
        broker.monitor.server_info,
        lambda: broker.monitor.server_setting("appendonly"),
        own_line.stats,
        lambda: broker.jobs.find("7"),
        lambda: follow(own_line, None, 1),
        lambda: follow(own_line, "0-0", 1),
    ):
        with pytest.raises(QueueUnavailable, match="Redis is not available"):
            ask()


def test_a_follower_is_told_that_the_server_went_away(own_line: Line) -> None:
    async def lose_the_server() -> None:
        events = own_line.broker.events()
        following = events.follow("0-0")
        try:
            await asyncio.to_thread(own_line.send, a_message())
            await anext(following)
            await asyncio.to_thread(own_line.server.kill)
            await anext(following)
        finally:
            await events.close()

    with pytest.raises(QueueUnavailable):
        asyncio.run(lose_the_server())


def test_what_is_closed_leaves_no_connection_behind(own_line: Line) -> None:
    broker = Broker(own_line.server.url)
    consumer = broker.consumer("test", Route(FIRST))
    consumer.join()
    consumer.receive(1, SOON_SECONDS)
    consumer.renew([b"1-1"])
    assert len(own_line.client.client_list()) == 4

    broker.__exit__(None, None, None)

    until(lambda: len(own_line.client.client_list()) == 1)


def test_a_server_that_comes_back_is_available_again(own_line: Line) -> None:
    own_line.server.restart()

    own_line.broker.monitor.ping()


def test_a_server_set_up_as_it_must_be_has_no_shortcomings(line: Line) -> None:
    assert find_server_problems(line.broker.monitor, ServerRequirements(fsync=True)) == []


def test_a_rehearsal_leaves_nothing_behind(line: Line) -> None:
    line.broker.monitor.probe_permissions()

    assert line.client.keys() == []


def test_a_rehearsal_on_a_full_server_says_so(line: Line) -> None:
    line.client.config_set("maxmemory", 1)

    with pytest.raises(QueueUnavailable, match="maxmemory"):
        line.broker.monitor.probe_permissions()


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("maxmemory-policy", "allkeys-lru", "maxmemory-policy is allkeys-lru"),
        ("appendonly", "no", "appendonly is off"),
        ("appendfsync", "everysec", "appendfsync is everysec"),
    ],
)
def test_a_server_that_may_lose_messages_has_shortcomings(
    own_line: Line, setting: str, value: str, expected: str
) -> None:
    own_line.client.config_set(setting, value)

    [problem] = find_server_problems(own_line.broker.monitor, ServerRequirements(fsync=True))

    assert expected in problem


@pytest.mark.parametrize(("version", "fits"), [("6.0.16", False), ("6.2.0", True), ("7", True), ("255.255.255", True)])
def test_a_server_that_is_too_old_has_a_shortcoming(line: Line, version: str, *, fits: bool) -> None:
    class Versioned(Monitor):
        def server_info(self) -> Mapping[str, object]:
            return {**super().server_info(), "redis_version": version}

    found = find_server_problems(Versioned(line.client, line.keys), ServerRequirements(fsync=True))

    assert found == ([] if fits else [f"Redis {version} is too old; at least 6.2 is needed"])


def test_a_server_that_may_sync_later_need_not_sync_at_once(own_line: Line) -> None:
    own_line.client.config_set("appendfsync", "everysec")

    assert find_server_problems(own_line.broker.monitor, ServerRequirements(fsync=False)) == []


def test_settings_that_are_hidden_or_unknown_are_none(own_line: Line) -> None:
    assert own_line.broker.monitor.server_setting("no-such-setting") is None
    own_line.client.acl_setuser("default", commands=["-config"])

    assert own_line.broker.monitor.server_setting("appendonly") is None
    assert find_server_problems(own_line.broker.monitor, ServerRequirements(fsync=True)) == []
