"""Scenario 20: the order in which data become durable, checked by system calls of server, API and archiver."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from captiond.workqueue.streams.scripts import SETTLE
from tests.faults.rig import Rig
from tests.faults.tracing import traced

UPLOADS = 50


@dataclass(frozen=True, slots=True)
class Calls:
    """The lines of three strace logs."""

    server: Sequence[str]
    api: Sequence[str]
    archiver: Sequence[str]


def trace_uploads(rig: Rig, mutant: str = "") -> Calls:
    """Send one upload at a time under strace."""
    rig.start_all(mutant=mutant)
    [archiver], [api] = rig.running("archiver"), rig.running("api")
    rig.await_worker(archiver)
    logs = [rig.folder / f"{name}.strace" for name in ("server", "api", "archiver")]
    with (
        traced(rig.server.pid, logs[0], "-s", "16", "-e", "trace=write,writev,fdatasync,fsync"),
        traced(api.pid, logs[1], "-f", "-s", "32", "-e", "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg"),
        traced(archiver.pid, logs[2], "-f", "-s", "65536", "-e", "trace=fsync,fdatasync,rename,sendto"),
    ):
        rig.load.send(UPLOADS, senders=1)
        rig.drain()
    rig.mark_recovery_start()
    return Calls(*(log.read_text().splitlines() for log in logs))


def assert_in_order(calls: Calls) -> None:
    """Check the orders: log synced, reply, 202; file synced, renamed, directory synced, row committed, acknowledged."""
    assert_synced_before_replies(calls.server)
    assert_answered_after_replies(calls.api)
    assert_durable_before_settled(calls.archiver)


def assert_synced_before_replies(calls: Sequence[str]) -> None:
    unsynced, replies = False, 0
    for call in calls:
        if re.match(r"write\(\d+<[^>]*\.aof>", call):
            unsynced = True
        elif re.match(r"f(data)?sync\(\d+<[^>]*\.aof>", call):
            unsynced = False
        elif re.match(r"writev?\(\d+<", call) and "NEW" in call:
            replies += 1
            assert not unsynced, f"reply {replies} was sent before the log was synced"
    assert replies >= UPLOADS


def assert_answered_after_replies(calls: Sequence[str]) -> None:
    replies = answers = 0
    for call in calls:
        replies += "NEW" in call
        answers += "HTTP/1.1 202" in call
        assert answers <= replies, f"answer {answers} was sent before the server's reply"
    assert answers == UPLOADS


def assert_durable_before_settled(calls: Sequence[str]) -> None:
    named: dict[str, str] = {}  # final path -> the last durable step
    synced: set[str] = set()
    settled = 0
    for call in calls:
        if draft := re.search(r"sync\(\d+<([^>]*\.tmp)>", call):
            synced.add(draft[1])
        elif renamed := re.search(r'rename\("([^"]*\.tmp)", "([^"]*)"', call):
            assert renamed[1] in synced, f"{renamed[1]} was renamed before it was synced"
            named[renamed[2]] = "renamed"
        elif folder := re.search(r"sync\(\d+<([^>]*)>", call):
            is_log = folder[1].endswith("-wal")
            for path, state in named.items():
                if is_log and state == "directory synced":
                    named[path] = "committed"
                elif path.startswith(f"{folder[1]}/") and path.count("/") == folder[1].count("/") + 1:
                    named[path] = "directory synced"
        elif "EVALSHA" in call and SETTLE.digest in call:
            # Files of the next batch may be in progress.
            images = set(re.findall(r":job:([0-9a-f-]{36})", call))
            ended = {path: named.pop(path) for path in list(named) if Path(path).stem in images}
            assert set(ended.values()) <= {"committed"}, f"acknowledged too early: {ended}"
            settled += len(ended)
    assert settled == UPLOADS


@pytest.mark.timeout(300)
def test_data_are_durable_before_they_are_acknowledged(rig: Rig) -> None:
    """Requires SQLite, whose commit is a system call of the archiver."""
    if not rig.database_url.startswith("sqlite"):
        pytest.skip("not possible here: a database server commits in its own process")

    calls = trace_uploads(rig)

    result = rig.finish("20", "order of system calls")
    assert result.accepted == UPLOADS
    assert_in_order(calls)
