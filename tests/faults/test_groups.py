"""Scenarios 32b, 33, 38 and 44: large consumer groups, arbitrary messages, unsafe servers."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captiond.workqueue import Message
from captiond.workqueue.message import RESERVED_FIELDS, Delivery, flat_fields
from captiond.workqueue.streams.keys import GROUP
from captiond.workqueue.streams.scripts import CLAIM, run_one
from tests.contract.workqueue.queues import FIRST, Queues, a_message
from tests.faults.results import Result, append
from tests.faults.rig import Rig, wait_for
from tests.faults.servers import version_of
from tests.servers.queues import RedisServer

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]
DELAYED, EXPIRED = 5_000, 10
IDLE_CONSUMERS, PENDING = 10_000, 5
LEASE_SECONDS = 30.0


def note(server: RedisServer, number: str, scenario: str, uploads: int, remark: str = "") -> None:
    append(Result(number, scenario, version_of(server), "none", uploads, 0, uploads, 0, 0, 0, 0, 0, 0.0, remark))


def test_expired_leases_are_found_behind_thousands_of_delayed_messages(server: RedisServer) -> None:
    with Queues(server) as queues:
        queues.send_many(DELAYED)
        worker, other = queues.consumer(), queues.consumer()
        queues.client.config_set("appendfsync", "no")
        for delivery in queues.receive(worker, DELAYED):
            worker.record_failure(delivery, RuntimeError("it broke"), [600] * 4)
        expired = queues.send_many(EXPIRED)
        queues.expire(*queues.receive(worker, EXPIRED))

        claimed = other.claim(EXPIRED, LEASE_SECONDS)

        assert {delivery.id for delivery in claimed} == {str(message.id) for message in expired}
        assert queues.stats().delayed == DELAYED
    note(server, "32b", "5,000 delayed before 10 expired", DELAYED + EXPIRED)


def test_thousands_of_idle_consumers_are_deleted_unless_they_own_messages(server: RedisServer) -> None:
    """The script gets an idle time of 1 ms in place of an hour: a test cannot set the idle time of a consumer."""
    with Queues(server) as queues:
        queues.client.config_set("appendfsync", "no")
        worker = queues.consumer()
        stream = queues.keys.stream(FIRST)
        queues.send_many(PENDING)
        for number in range(PENDING):
            queues.client.xreadgroup(GROUP, f"pending-{number}", {stream: ">"}, count=1)
        pipeline = queues.client.pipeline(transaction=False)
        for number in range(IDLE_CONSUMERS):
            pipeline.xgroup_createconsumer(stream, GROUP, f"idle-{number}")
        pipeline.execute()
        wait_for(
            lambda: min(row["idle"] for row in queues.client.xinfo_consumers(stream, GROUP)) > 1, 10, "all are idle"
        )

        keys = [stream, queues.keys.delayed(FIRST), queues.keys.bytes]
        run_one(queues.client, CLAIM.call(keys, GROUP, worker.name, PENDING, int(LEASE_SECONDS * 1000), 1))

        left = {row["name"].decode() for row in queues.client.xinfo_consumers(stream, GROUP)}
        assert {f"pending-{number}" for number in range(PENDING)} == left - {worker.name}
        assert queues.stats().in_flight == PENDING
    note(server, "33", "10,000 idle consumers", PENDING)


headers = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name not in RESERVED_FIELDS and not name.startswith("dead_")),
    st.binary(max_size=100_000),
    max_size=20,
)


@pytest.mark.servers("one")
def test_message_of_any_content_is_delivered_unchanged(server: RedisServer) -> None:
    with Queues(server) as queues:
        consumer = queues.consumer()

        @settings(max_examples=2_000, deadline=None)
        @given(headers=headers, body=st.binary(max_size=100_000))
        def round_trip(headers: dict[str, bytes], body: bytes) -> None:
            message = Message(uuid4(), headers, body)
            queues.send(message)
            [delivery] = queues.receive(consumer)
            assert delivery.decode() == message
            consumer.settle([(delivery, queues.acknowledge())])

        round_trip()
        unknown: dict[bytes, bytes] = {**dict.fromkeys([b"later"], b"field")}
        known = a_message()
        flat = flat_fields(str(known.id), known.headers)
        delivery = Delivery(b"1-1", 1, {**dict(zip(flat[::2], flat[1::2], strict=True)), **unknown}, known.payload)
        assert delivery.decode().id == known.id
    note(server, "38", "messages of any content", 2_000)


UNSAFE = {
    "maxmemory-policy": "allkeys-lru",
    "appendonly": "no",
    "appendfsync": "everysec",
}


@pytest.mark.parametrize("setting", UNSAFE)
def test_unsafe_server_is_refused_with_one_line(rig: Rig, setting: str) -> None:
    with rig.client as client:
        client.config_set(setting, UNSAFE[setting])

    api = rig.start("api")

    assert api.wait() == 2
    logged = (rig.folder / "api.output").read_text().splitlines()
    assert len(logged) == 1
    assert "CAPTIOND_REDIS_URL" in logged[0]
    rig.services.remove(api)
    note(rig.server, "44", "unsafe servers refused", 0)
