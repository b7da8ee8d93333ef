"""Scenarios 5 to 9 and 31: replies that never arrive, silence, bad lines, forgotten scripts, cut connections."""

import threading
import time

import pytest

from tests.faults.load import percentile, wait_done
from tests.faults.rig import KEYS, Rig
from tests.faults.servers import IN_FULL
from tests.servers.chaos_proxy import ChaosProxy, NetworkFaults

# As in the table in full; quickly a tenth of the uploads, and as many fewer faults.
LOSING_UPLOADS = 5_000 if IN_FULL else 400
READ_UPLOADS, LOST_READS = (1_000, 200) if IN_FULL else (150, 15)
FLUSH_UPLOADS = 2_000 if IN_FULL else 600
FLUSH_INTERVAL_SECONDS = 1.0 if IN_FULL else 0.25
# The table has 1,000 and 30 s, 2,000, 60 s.
NO_REPLY_UPLOADS, NO_REPLY_SECONDS = 1_000, 30.0
SLOW_UPLOADS = 500
OUTAGE_SECONDS, BACK_WITHIN_SECONDS = 60.0, 15.0


@pytest.fixture
def rig(proxied_rig: Rig) -> Rig:
    return proxied_rig


def lose_replies(rig: Rig, proxy: ChaosProxy, uploads: int) -> None:
    """Send while each seventh reply of the server is lost, to whichever command; uploads share their replies."""
    proxy.network = NetworkFaults(lose_every=7)
    rig.load.send(uploads)
    proxy.clear()
    rig.mark_recovery_start()
    rig.faults = proxy.faults


@pytest.mark.servers("all")
@pytest.mark.timeout(400)
def test_lost_replies_duplicate_no_message(rig: Rig, proxy: ChaosProxy) -> None:
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
    rig.mark_recovery_start()
    rig.faults = proxy.faults


@pytest.mark.timeout(600)
def test_messages_of_a_lost_read_reply_are_redelivered(rig: Rig, proxy: ChaosProxy) -> None:
    rig.start_all()

    lose_reads(rig, proxy, READ_UPLOADS, LOST_READS)

    result = rig.finish("7", "replies to reads lost")
    assert result.accepted == result.uploads >= READ_UPLOADS
    assert result.faults >= LOST_READS
    # The lost hand-out counts, the one that arrived is the second.
    assert max(line.deliveries for line in rig.journal) <= 2
    assert result.recovery_seconds < rig.lease_seconds * 1.5 + 10


@pytest.mark.timeout(400)
def test_flushed_scripts_and_cut_connections_lose_no_message(rig: Rig) -> None:
    rig.start_all(captioners=2, archivers=2)

    with rig.load.sending(FLUSH_UPLOADS) as sent:
        while not sent.done():
            wait_done(sent, FLUSH_INTERVAL_SECONDS)
            with rig.client as client:
                client.script_flush()
                client.client_kill_filter(_type="normal", skipme=True)
            rig.faults += 1
    rig.mark_recovery_start()

    result = rig.finish("31", "scripts flushed, connections cut")
    assert result.accepted == FLUSH_UPLOADS
    assert result.faults > 1


@pytest.mark.full
@pytest.mark.timeout(400)
def test_no_upload_is_accepted_without_a_reply(rig: Rig, proxy: ChaosProxy) -> None:
    rig.start_all()
    rig.load.send(20)

    proxy.network = NetworkFaults(swallow_replies=True)
    began = time.monotonic()
    with rig.load.sending(NO_REPLY_UPLOADS, senders=16) as sent:
        wait_done(sent, NO_REPLY_SECONDS)
        ended = time.monotonic()
        proxy.clear()
    rig.mark_recovery_start()
    rig.faults = proxy.faults

    result = rig.finish("6", f"no reply for {NO_REPLY_SECONDS:.0f} s")
    assert not [at for at in rig.load.accepted_at.values() if began + 1 < at < ended]
    assert result.accepted == NO_REPLY_UPLOADS + 20
    assert entries_ever(rig, "uploads") in (NO_REPLY_UPLOADS + 20, None)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_slow_and_unreliable_network_loses_no_message(rig: Rig, proxy: ChaosProxy) -> None:
    """The first 64 bytes of each chunk go one by one; the whole of a body would only warm this machine."""
    rig.start_all(captioners=4, archivers=2)

    proxy.network = NetworkFaults(delay_seconds=0.3, jitter_seconds=0.2, reset_part=0.01, split_bytes=64)
    rig.load.send(SLOW_UPLOADS, senders=32)
    rig.drain(600)
    proxy.clear()
    rig.mark_recovery_start()
    rig.faults = proxy.faults

    p99 = percentile(rig.load.seconds, 0.99)
    result = rig.finish("8", "300 ms latency, resets, single bytes", remark=f"p99 of an upload {p99:.1f} s")
    assert result.accepted == SLOW_UPLOADS


@pytest.mark.full
@pytest.mark.timeout(400)
def test_idle_workers_reconnect_after_an_outage(rig: Rig, proxy: ChaosProxy) -> None:
    rig.start_all(captioners=2, archivers=2)
    rig.load.send(20)
    rig.drain()

    proxy.network = NetworkFaults(silence=True)
    threading.Event().wait(OUTAGE_SECONDS)  # how long it lasts is the scenario
    proxy.clear()
    rig.faults = proxy.faults
    rig.mark_recovery_start()
    rig.load.send(20)

    result = rig.finish("9", f"silence of {OUTAGE_SECONDS:.0f} s", seconds=BACK_WITHIN_SECONDS)
    assert result.accepted == 40
    assert len(rig.journal) > 0


def entries_ever(rig: Rig, queue: str) -> int | None:
    """How many entries were ever added; None before Redis 7, which does not count."""
    with rig.client as client:
        about = client.xinfo_stream(KEYS.stream(queue))
    added = about.get("entries-added")
    return None if added is None else int(added)
