"""The admin views: statistics, job states, events and the startup check."""

import time
from collections.abc import Mapping

import pytest
from tests.contract.workqueue.queues import FIRST, SECOND, SOON_SECONDS, Queues, a_message, wait_until

from captiond.workqueue import Broker, Route
from captiond.workqueue.admin import Job, Monitor, ServerRequirements, find_server_problems
from captiond.workqueue.admin.problem_report import EXPIRES_AFTER_SECONDS
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.worker import Reject

ERROR = RuntimeError("it broke")


def test_stats_count_waiting_in_flight_delayed_and_dead_letters(queues: Queues) -> None:
    messages = [a_message(b"%d" % number) for number in range(6)]
    queues.send(*messages)
    consumer = queues.consumer()
    failed, rejected, requeued, *in_flight = queues.receive(consumer, 5)
    consumer.record_failure(failed, ERROR, [60] * 4)
    consumer.settle([(rejected, Reject(ERROR))])
    consumer.requeue([requeued])

    stats = queues.stats()

    assert (stats.queue, stats.depth, stats.in_flight, stats.delayed, stats.dead_letters) == (
        FIRST,
        1,
        len(in_flight),
        2,
        1,
    )
    assert stats.queued_bytes == 5 * messages[0].size_bytes
    assert stats.consumers == 1


def test_totals_count_redeliveries_lost_leases_fenced_and_unaccounted(queues: Queues) -> None:
    queues.send(a_message(b"expired"), a_message(b"lost"))
    first, second = queues.consumer(), queues.consumer()
    expired, _ = queues.receive(first, 2)
    queues.expire(expired)
    [taken_over] = second.claim(1, 30)
    first.renew([expired.entry])
    second.settle([(taken_over, queues.forward(taken_over.decode()))])
    first.settle([(expired, queues.forward(expired.decode()))])

    totals = queues.broker.monitor.totals([FIRST, SECOND])

    assert (totals.redelivered, totals.leases_expired, totals.fenced) == (1, 1, 1)
    assert (totals.accepted, totals.queued_or_dead, totals.unaccounted) == (2, 2, 0)
    queues.client.delete(queues.keys.stream(FIRST))
    assert queues.broker.monitor.totals([FIRST, SECOND]).unaccounted == 1


def test_archived_messages_of_deleted_queues_are_accounted_for_when_adopted(queues: Queues) -> None:
    queues.send(a_message(), a_message())
    queues.broker.monitor.adopt(5)

    assert queues.broker.monitor.totals([FIRST, SECOND]).accounted == 7


def test_problem_of_a_service_is_found_until_its_reporter_has_none(queues: Queues) -> None:
    reporter, other = (queues.broker.problem_report("archiver") for _ in range(2))
    reporter.report("disk full")

    other.report(None)
    assert queues.broker.monitor.find_problem("archiver") == "disk full"
    assert 0 < queues.client.ttl(queues.keys.problem("archiver")) <= EXPIRES_AFTER_SECONDS
    reporter.report(None)
    assert queues.broker.monitor.find_problem("archiver") is None


def test_problem_that_cannot_be_recorded_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with Broker("redis://127.0.0.1:1") as broker:
        broker.problem_report("archiver").report("disk full")

    assert "cannot record the problem disk full in Redis" in caplog.text.replace("'", "")


def test_named_counters_add_up_and_an_increment_of_0_creates_a_counter(queues: Queues) -> None:
    queues.broker.monitor.count({"refused": 2, "unused": 0})
    queues.broker.monitor.count({"refused": 3})

    assert queues.broker.monitor.totals([FIRST]).counted == {"refused": 5, "unused": 0}


def test_counters_of_an_unreachable_server_raise_queue_unavailable() -> None:
    with Broker("redis://127.0.0.1:1") as broker, pytest.raises(QueueUnavailable):
        broker.monitor.count({"refused": 1})


def test_unknown_queue_is_empty(queues: Queues) -> None:
    stats = queues.stats("unknown")

    assert (stats.depth, stats.in_flight, stats.delayed, stats.dead_letters, stats.queued_bytes, stats.consumers) == (
        0,
    ) * 6
    assert stats.oldest_age_seconds == 0


def test_queue_without_group_counts_waiting_messages(queues: Queues) -> None:
    queues.send(a_message(), a_message())

    assert (queues.stats().depth, queues.stats().in_flight) == (2, 0)


def test_oldest_age_is_that_of_the_first_message(queues: Queues) -> None:
    an_hour_ago_ms = int(time.time() - 3600) * 1000
    queues.client.xadd(queues.keys.stream(FIRST), {"body": "old"}, id=f"{an_hour_ago_ms}-0")
    queues.send(a_message())

    assert 3600 <= queues.stats().oldest_age_seconds < 3700


def test_oldest_age_is_not_negative(queues: Queues) -> None:
    in_an_hour_ms = int(time.time() + 3600) * 1000
    queues.client.xadd(queues.keys.stream(FIRST), {"body": "young"}, id=f"{in_an_hour_ms}-0")

    assert queues.stats().oldest_age_seconds == 0


def test_consumers_do_not_include_the_owner_of_delayed_messages(queues: Queues) -> None:
    queues.send(a_message(), a_message())
    one, other = queues.consumer(), queues.consumer()
    queues.receive(one)
    other.requeue(queues.receive(other))

    assert queues.stats().consumers == 2


def test_stats_of_a_wrong_type_raise_queue_unavailable(queues: Queues) -> None:
    queues.client.set(queues.keys.stream(FIRST), b"taken")

    with pytest.raises(QueueUnavailable, match="WRONGTYPE"):
        queues.stats()


def test_stats_without_permission_raise_queue_unavailable(own_queues: Queues) -> None:
    own_queues.consumer()
    own_queues.stats()  # opens the connection, which would need the permission to authenticate
    own_queues.client.acl_setuser("default", commands=["-xinfo"])

    with pytest.raises(QueueUnavailable, match="permission"):
        own_queues.stats()


def test_job_state_follows_its_message(queues: Queues) -> None:
    message = a_message()
    message_id = str(message.id)
    find = queues.broker.jobs.find

    assert find(message_id) is None
    queues.send(message)
    assert find(message_id) == Job("queued", None)
    consumer = queues.consumer()
    consumer.settle([(queues.receive(consumer)[0], queues.forward(message))])
    assert find(message_id) == Job("forwarded", None)
    downstream = queues.consumer(SECOND)
    downstream.settle([(queues.receive(downstream)[0], queues.acknowledge())])
    assert find(message_id) == Job("done", None)
    assert 0 < int(queues.client.ttl(queues.keys.job(message_id))) <= 60


def test_old_events_are_trimmed(queues: Queues) -> None:
    pipeline = queues.client.pipeline(transaction=False)
    for _ in range(11_000):
        pipeline.xadd(queues.keys.events, {"id": "7", "state": "old"})
    pipeline.execute()

    queues.send(a_message())

    assert queues.client.xlen(queues.keys.events) < 10_200


def test_admin_views_raise_queue_unavailable_during_an_outage(own_queues: Queues) -> None:
    broker = own_queues.broker
    broker.monitor.ping()
    own_queues.server.kill()

    for call in (
        broker.monitor.ping,
        broker.monitor.server_info,
        lambda: broker.monitor.server_setting("appendonly"),
        own_queues.stats,
        lambda: broker.jobs.find("7"),
    ):
        with pytest.raises(QueueUnavailable, match="Redis is unavailable"):
            call()


def test_closed_broker_leaves_no_connections(own_queues: Queues) -> None:
    broker = Broker(own_queues.server.url)
    consumer = broker.consumer("test", Route(FIRST))
    consumer.create_group()
    consumer.receive(1, SOON_SECONDS)
    consumer.renew([b"1-1"])
    assert len(own_queues.client.client_list()) == 4

    broker.__exit__(None, None, None)

    wait_until(lambda: len(own_queues.client.client_list()) == 1)


def test_monitor_reconnects_after_a_restart(own_queues: Queues) -> None:
    own_queues.server.restart()

    own_queues.broker.monitor.ping()


def test_safe_server_has_no_problems(queues: Queues) -> None:
    assert find_server_problems(queues.broker.monitor, ServerRequirements(fsync=True)) == []


def test_permission_probe_leaves_no_keys(queues: Queues) -> None:
    queues.broker.monitor.probe_permissions()

    assert queues.client.keys() == []


@pytest.mark.parametrize("command", ["zscore", "hget", "xreadgroup", "exec", "wait"])
def test_permission_probe_without_a_permission_raises_queue_unavailable(queues: Queues, command: str) -> None:
    queues.client.acl_setuser("weak", enabled=True, nopass=True, keys=["*"], commands=["+@all", f"-{command}"])
    url = queues.server.url.replace("://", "://weak:x@")

    with Broker(url) as weak, pytest.raises(QueueUnavailable, match=r"can't run this command|no permissions to run"):
        weak.monitor.probe_permissions(replicas=1)


def test_permission_probe_on_a_full_server_raises_queue_unavailable(queues: Queues) -> None:
    queues.client.config_set("maxmemory", 1)

    with pytest.raises(QueueUnavailable, match="maxmemory"):
        queues.broker.monitor.probe_permissions()


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("maxmemory-policy", "allkeys-lru", "maxmemory-policy is allkeys-lru"),
        ("appendonly", "no", "appendonly is no"),
        ("appendfsync", "everysec", "appendfsync is everysec"),
    ],
)
def test_unsafe_setting_is_a_server_problem(own_queues: Queues, setting: str, value: str, expected: str) -> None:
    own_queues.client.config_set(setting, value)

    [problem] = find_server_problems(own_queues.broker.monitor, ServerRequirements(fsync=True))

    assert expected in problem


@pytest.mark.parametrize(
    ("version", "supported"), [("6.0.16", False), ("6.2.0", True), ("7", True), ("255.255.255", True)]
)
def test_old_version_is_a_server_problem(queues: Queues, version: str, *, supported: bool) -> None:
    class Versioned(Monitor):
        def server_info(self) -> Mapping[str, object]:
            return {**super().server_info(), "redis_version": version}

    found = find_server_problems(Versioned(queues.client, queues.keys), ServerRequirements(fsync=True))

    assert found == ([] if supported else [f"Redis {version} is too old; install 6.2 or newer"])


def test_everysec_is_allowed_without_the_fsync_requirement(own_queues: Queues) -> None:
    own_queues.client.config_set("appendfsync", "everysec")

    assert find_server_problems(own_queues.broker.monitor, ServerRequirements(fsync=False)) == []


def test_hidden_or_unknown_settings_are_none(own_queues: Queues) -> None:
    assert own_queues.broker.monitor.server_setting("no-such-setting") is None
    own_queues.client.acl_setuser("default", commands=["-config"])

    assert own_queues.broker.monitor.server_setting("appendonly") is None
    assert find_server_problems(own_queues.broker.monitor, ServerRequirements(fsync=True)) == []


def test_consumers_are_listed_with_messages_in_flight_the_most_recent_first(queues: Queues) -> None:
    queues.send(a_message(), a_message())
    first, second = queues.consumer(), queues.consumer()
    queues.receive(first, 1)
    time.sleep(SOON_SECONDS)
    queues.receive(second, 1)

    found = queues.broker.monitor.consumers(FIRST)

    assert [(consumer.name, consumer.in_flight) for consumer in found] == [(second.name, 1), (first.name, 1)]
    assert all(0 <= consumer.idle_seconds < 60 for consumer in found)
    assert queues.broker.monitor.consumers("unused") == []


def test_report_replaces_the_last_one_and_never_expires(queues: Queues) -> None:
    monitor = queues.broker.monitor
    assert monitor.find_report("check") is None

    monitor.store_report("check", "first")
    monitor.store_report("check", "second")

    assert monitor.find_report("check") == "second"
    assert queues.client.ttl(queues.keys.report("check")) == -1
