"""Scenarios 5 to 9 and 31: replies that never arrive, silence, bad lines, forgotten scripts, cut connections."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.load import percentile, wait_done
from tests.faults.nursery import Nursery
from tests.faults.rig import KEYS, Rig, opened_rig
from tests.faults.servers import IN_FULL
from tests.servers.chaos_proxy import ChaosProxy, NetworkFaults
from tests.servers.queues import RedisServer

# As in the table in full; quickly a tenth of the uploads, and as many fewer faults.
LOSING_UPLOADS = 5_000 if IN_FULL else 400
READ_UPLOADS, LOST_READS = (1_000, 200) if IN_FULL else (150, 15)
FORGETFUL_UPLOADS = 2_000 if IN_FULL else 600
FORGETFUL_SECONDS = 1.0 if IN_FULL else 0.25
# The table has 1,000 and 30 s, 2,000, 60 s.
UNHEARD_UPLOADS, UNHEARD_SECONDS = 1_000, 30.0
SLOW_UPLOADS = 500
SILENT_SECONDS, BACK_WITHIN_SECONDS = 60.0, 15.0


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[ChaosProxy]:
    address = server.address()
    assert isinstance(address, tuple)
    proxy = ChaosProxy(address)
    with proxy.serving():
        yield proxy


@pytest.fixture
def rig(tmp_path: Path, server: RedisServer, database_url: str, nursery: Nursery, proxy: ChaosProxy) -> Iterator[Rig]:
    """All its commands go through the proxy."""
    with opened_rig(tmp_path, server, database_url, nursery) as rig:
        rig.redis_url = proxy.redis_url
        yield rig


def lose_replies(rig: Rig, proxy: ChaosProxy, uploads: int) -> None:
    """Send while each seventh reply of the server is lost, to whichever command; uploads share their replies."""
    proxy.network = NetworkFaults(lose_every=7)
    rig.load.send(uploads)
    proxy.clear()
    rig.healed()
    rig.faults = proxy.faults


@pytest.mark.servers("all")
@pytest.mark.timeout(400)
def test_replies_lost_to_any_command_make_no_message_twice(rig: Rig, proxy: ChaosProxy) -> None:
    rig.start_all()

    lose_replies(rig, proxy, LOSING_UPLOADS)

    result = rig.finish("5", "every 7th reply lost")
    assert result.accepted == LOSING_UPLOADS
    assert result.faults > LOSING_UPLOADS / 10
    assert entries_ever(rig, "uploads") in (LOSING_UPLOADS, None)


def lose_reads(rig: Rig, proxy: ChaosProxy, uploads: int, reads: int) -> None:
    """Have the server hand messages out that their reader never hears of."""
    proxy.network = NetworkFaults(lose_replies_to=b"XREADGROUP", lose_at_most=reads)

    def are_lost() -> bool:
        """Send more where all was read: a read takes as many as there are."""
        if proxy.network.lose_at_most > 0 and rig.is_empty():
            rig.load.send(uploads // 100)
        return proxy.network.lose_at_most <= 0

    rig.load.send(uploads)
    rig.wait(are_lost, 300, "enough replies are lost")
    proxy.clear()
    rig.healed()
    rig.faults = proxy.faults


@pytest.mark.timeout(600)
def test_messages_whose_reader_never_heard_of_them_are_read_again(rig: Rig, proxy: ChaosProxy) -> None:
    rig.start_all()

    lose_reads(rig, proxy, READ_UPLOADS, LOST_READS)

    result = rig.finish("7", "replies to reads lost")
    assert result.accepted == result.uploads >= READ_UPLOADS
    assert result.faults >= LOST_READS
    # The lost hand-out counts, the one that arrived is the second.
    assert max(line.deliveries for line in rig.journal) <= 2
    assert result.recovery_seconds < rig.lease_seconds * 1.5 + 10


@pytest.mark.timeout(400)
def test_forgotten_scripts_and_cut_connections_lose_nothing(rig: Rig) -> None:
    rig.start_all(captioners=2, archivers=2)

    with rig.load.sending(FORGETFUL_UPLOADS) as sent:
        while not sent.done():
            wait_done(sent, FORGETFUL_SECONDS)
            with rig.client as client:
                client.script_flush()
                client.client_kill_filter(_type="normal", skipme=True)
            rig.faults += 1
    rig.healed()

    result = rig.finish("31", "scripts flushed, connections cut")
    assert result.accepted == FORGETFUL_UPLOADS
    assert result.faults > 1


@pytest.mark.full
@pytest.mark.timeout(400)
def test_nothing_is_accepted_while_no_reply_arrives(rig: Rig, proxy: ChaosProxy) -> None:
    rig.start_all()
    rig.load.send(20)

    proxy.network = NetworkFaults(swallow_replies=True)
    began = time.monotonic()
    with rig.load.sending(UNHEARD_UPLOADS, senders=16) as sent:
        wait_done(sent, UNHEARD_SECONDS)
        ended = time.monotonic()
        proxy.clear()
    rig.healed()
    rig.faults = proxy.faults

    result = rig.finish("6", f"no reply for {UNHEARD_SECONDS:.0f} s")
    assert not [at for at in rig.load.accepted_at.values() if began + 1 < at < ended]
    assert result.accepted == UNHEARD_UPLOADS + 20
    assert entries_ever(rig, "uploads") in (UNHEARD_UPLOADS + 20, None)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_bad_line_loses_nothing(rig: Rig, proxy: ChaosProxy) -> None:
    """The first 64 bytes of each chunk go one by one; the whole of a body would only warm this machine."""
    rig.start_all(captioners=4, archivers=2)

    proxy.network = NetworkFaults(delay_seconds=0.3, jitter_seconds=0.2, reset_part=0.01, split_bytes=64)
    rig.load.send(SLOW_UPLOADS, senders=32)
    rig.drain(600)
    proxy.clear()
    rig.healed()
    rig.faults = proxy.faults

    p99 = percentile(rig.load.seconds, 0.99)
    result = rig.finish("8", "300 ms latency, resets, single bytes", remark=f"p99 of an upload {p99:.1f} s")
    assert result.accepted == SLOW_UPLOADS


@pytest.mark.full
@pytest.mark.timeout(400)
def test_idle_workers_find_back_after_a_silence(rig: Rig, proxy: ChaosProxy) -> None:
    rig.start_all(captioners=2, archivers=2)
    rig.load.send(20)
    rig.drain()

    proxy.network = NetworkFaults(silence=True)
    threading.Event().wait(SILENT_SECONDS)  # how long it lasts is the scenario
    proxy.clear()
    rig.faults = proxy.faults
    rig.healed()
    rig.load.send(20)

    result = rig.finish("9", f"silence of {SILENT_SECONDS:.0f} s", seconds=BACK_WITHIN_SECONDS)
    assert result.accepted == 40
    assert len(rig.journal) > 0


def entries_ever(rig: Rig, queue: str) -> int | None:
    """How many entries were ever added; None before Redis 7, which does not count."""
    with rig.client as client:
        about = client.xinfo_stream(KEYS.stream(queue))
    added = about.get("entries-added")
    return None if added is None else int(added)
