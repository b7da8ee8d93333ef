"""Scenarios 23, 24, 39 and 41: budgets, a stopped archiver, large images, and throughput."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from PIL import Image

from captiond.wiring.captioner import CAPTIONER_BATCH
from tests.faults.load import percentile, wait_done
from tests.faults.rig import KEYS, Rig, wait_for
from tests.faults.servers import started
from tests.servers.queues import RedisServer

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
BUDGET_BYTES, BUDGET_UPLOADS, BUDGET_CLIENTS = 50 << 20, 2_000, 50
STOPPED_UPLOADS, BACKLOG, HIGH_WATER = 2_000, 500, 200
LARGE_UPLOADS = 40
FAST_UPLOADS = 2_000
ENOUGH_REFUSALS = 20


def noise(size_bytes: int) -> bytes:
    """A JPEG of about that many bytes."""
    side = int((size_bytes / 1.1) ** 0.5) // 8 * 8
    file = io.BytesIO()
    Image.effect_noise((side, side), 90).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_budget_limits_the_memory_of_the_server(rig: Rig) -> None:
    rig.extra["CAPTIOND_MAX_BACKLOG_BYTES"] = str(BUDGET_BYTES)
    image = noise(100_000)
    rig.start("api")
    rig.await_ready()
    with rig.client as client:
        before = client.info("memory")["used_memory"]

    with rig.load.sending_images(BUDGET_UPLOADS, image, senders=BUDGET_CLIENTS) as sent:
        wait_for(lambda: rig.load.refused >= ENOUGH_REFUSALS, 120, "uploads exceed the budget")
        with rig.client as client:
            used = client.info("memory")["used_memory"] - before
        rig.start("captioner")
        rig.start("archiver")
        wait_done(sent, 600)
    rig.mark_recovery_start()

    result = rig.finish("23", "budget of 50 MB, 50 clients", remark=f"{used >> 20} MiB of memory at most")
    assert result.accepted == BUDGET_UPLOADS
    assert rig.load.without_retry_after == 0
    # 20 % above the budget, plus the buffers of the clients and 50 uploads in progress.
    assert used < BUDGET_BYTES * 1.2 + BUDGET_CLIENTS * 2 * len(image)


def test_stopped_archiver_fills_the_queues_without_loss(rig: Rig) -> None:
    rig.extra |= {"CAPTIOND_MAX_BACKLOG": str(BACKLOG), "CAPTIOND_MAX_CAPTIONED": str(HIGH_WATER)}
    rig.start_all(captioners=2)
    [archiver] = rig.running("archiver")
    archiver.stop()
    rig.services.remove(archiver)

    with rig.load.sending(STOPPED_UPLOADS) as sent:
        wait_for(lambda: rig.load.refused >= ENOUGH_REFUSALS, 120, "uploads are refused")
        with rig.client as client:
            waiting = client.xlen(KEYS.stream("captioned"))
        rig.start("archiver")
        rig.faults += 1
        wait_done(sent, 300)
    rig.mark_recovery_start()

    result = rig.finish("24", "archiver stopped", remark=f"{waiting} captioned images waited")
    assert result.accepted == STOPPED_UPLOADS
    assert rig.load.without_retry_after == 0
    assert HIGH_WATER <= waiting <= HIGH_WATER + 2 * CAPTIONER_BATCH


def test_large_images_keep_a_replica_attached(rig: Rig, kind: str) -> None:
    image = noise(9 << 20)
    assert len(image) < 10 << 20
    with started(kind) as replica:
        address = rig.server.address()
        assert isinstance(address, tuple)
        for server in (rig.server, replica):
            make_room_for_replicas(server)
        with replica.client() as copy:
            copy.replicaof(*(str(part) for part in address))
            wait_for(lambda: is_attached(copy), 60, "the replica is attached")
        syncs_before = full_syncs(rig)
        rig.start_all(captioners=2)
        with pinging(rig) as pings:
            rig.load.send(LARGE_UPLOADS, image=image)
            rig.drain(600)
        rig.mark_recovery_start()
        with replica.client() as copy:
            wait_for(lambda: is_attached(copy), 60, "the replica is attached")
        assert full_syncs(rig) == syncs_before
        result = rig.finish("39", "large images", remark=f"p99 of a ping {percentile(pings, 0.99) * 1000:.0f} ms")
    assert result.accepted == LARGE_UPLOADS


def make_room_for_replicas(server: RedisServer) -> None:
    """Raise the limits for replicas. With the defaults, large payloads disconnect a replica."""
    with server.client() as client:
        client.config_set("client-output-buffer-limit", f"replica {1 << 30} {1 << 29} 120")
        client.config_set("repl-backlog-size", 640 << 20)


def is_attached(replica: redis.Redis) -> bool:
    return bool(replica.info("replication")["master_link_status"] == "up")


def full_syncs(rig: Rig) -> int:
    with rig.client as client:
        return int(client.info("stats")["sync_full"])


@contextmanager
def pinging(rig: Rig) -> Iterator[list[float]]:
    """Measure the latency of PING while the context is open."""
    pings: list[float] = []
    over = threading.Event()

    def ping() -> None:
        client = rig.client
        while not over.wait(0.02):
            began = time.monotonic()
            client.ping()
            pings.append(time.monotonic() - began)

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield pings
    finally:
        over.set()
        thread.join()


def test_throughput_is_recorded(rig: Rig) -> None:
    """Records the throughput without a limit, because it depends on the machine."""
    image = noise(100_000)
    rig.start_all(captioners=2)

    began = time.monotonic()
    rig.load.send(FAST_UPLOADS, image=image, senders=8)
    accepted = FAST_UPLOADS / (time.monotonic() - began)
    rig.drain(600)
    stored = FAST_UPLOADS / (time.monotonic() - began)
    rig.mark_recovery_start()

    result = rig.finish("41", "speed, 100 kB", remark=f"{accepted:.0f}/s accepted, {stored:.0f}/s stored")
    assert result.accepted == FAST_UPLOADS
