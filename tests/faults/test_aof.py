"""Scenario 21: an append-only file truncated within its last records restores a state between two commands."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from captiond.workqueue.worker import Reject
from tests.contract.workqueue.queues import FIRST, SECOND, Queues, a_message
from tests.faults.results import Result, append
from tests.faults.servers import IN_FULL, version_of
from tests.servers.queues import RedisServer

# The full tier cuts at every 7th byte, the quick one at every 41st.
EVERY_BYTES = 7 if IN_FULL else 41
State = dict[bytes | str, object]


@pytest.mark.servers("all")
@pytest.mark.timeout(600)
def test_truncated_log_restores_a_state_between_two_commands(server: RedisServer, tmp_path: Path) -> None:
    with server.client() as client:
        log = log_in(Path(client.config_get("dir")["dir"]))
    states, sizes = take_steps(server, log)
    server.stop()
    whole = shutil.copy(log, tmp_path / "whole")
    cuts = range(sizes[0] + 1, sizes[-1], EVERY_BYTES)
    found = set()

    for size in cuts:
        shutil.copy(whole, log)
        os.truncate(log, size)
        server.start()
        state = state_of(server.client())
        server.kill()
        assert state in states, f"cut at byte {size} of {sizes}"
        found.add(states.index(state))

    server.start()
    assert found == set(range(len(states) - 1))  # the last state needs the whole log
    append(Result("21", "append-only file cut", version_of(server), "none", 5, len(cuts), 5, 0, 0, 1, 0, 0, 0.0))


def log_in(folder: Path) -> Path:
    """Return the current append-only file, which Redis 7 and later keep in a folder of its own."""
    [log] = [*folder.glob("appendonlydir/*.incr.aof"), *folder.glob("appendonly.aof")]
    return log


def take_steps(server: RedisServer, log: Path) -> tuple[list[State], list[int]]:
    """Write a record of each kind; return the states between them and the length of the log at each."""
    with Queues(server) as queues:
        captioner, archiver = queues.consumer(FIRST), queues.consumer(SECOND)
        messages = [a_message(b"body %d" % number) for number in range(4)]
        queues.send(*messages)
        first, forwarded, rejected, requeued = queues.receive(captioner, 4)
        captioner.settle([(first, queues.forward(messages[0]))])
        [finished] = queues.receive(archiver)
        steps: list[Callable[[], object]] = [
            lambda: captioner.settle([(forwarded, queues.forward(messages[1]))]),
            lambda: archiver.settle([(finished, queues.acknowledge())]),
            lambda: captioner.settle([(rejected, Reject(ValueError("broken")))]),
            lambda: captioner.requeue([requeued]),
            lambda: queues.send(a_message(b"the last")),
        ]
        states, sizes = [state_of(queues.client)], [log.stat().st_size]
        for step in steps:
            step()
            states.append(state_of(queues.client))
            sizes.append(log.stat().st_size)
    return states, sizes


def state_of(client: redis.Redis) -> State:
    """Return all keys with their values, and the owner of each pending message."""
    state: State = {}
    for key in sorted(client.keys()):
        match client.type(key):
            case b"stream":
                groups = [group["name"] for group in client.xinfo_groups(key)]
                pending = [client.xpending_range(key, group, "-", "+", 100) for group in groups]
                owners = [
                    (row["message_id"], row["consumer"], row["times_delivered"]) for rows in pending for row in rows
                ]
                state[key] = (client.xrange(key), owners)
            case b"hash":
                state[key] = client.hgetall(key)
            case b"string":
                state[key] = client.get(key)
            case _:
                state[key] = client.zrange(key, 0, -1)
    return state
