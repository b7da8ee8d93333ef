"""Named failpoints in the product, without hooks in it.

`python -m tests.faults.failpoints NAME:ACTION[:NTH][,…] -- captioner` wraps the named functions and runs the command.
The action happens once, at the NTH call (default: the first). The product has no hooks, so this program patches it,
which other tests never do. A hit adds a line to the file FAULTS_HITS, which proves that the failpoint was reached.
"""

import asyncio
import functools
import inspect
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from captiond.archive import Archive, store
from captiond.archive.lifecycle import Lifecycle
from captiond.imaging import Captioner
from captiond.operations.dead_letter_files import DeadLetterFiles
from captiond.services.api import uploads
from captiond.workqueue import Producer
from captiond.workqueue.admin import DeadLetters, Jobs
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.streams.consumer import Consumer

ACTIONS = ("exit", "kill", "hang", "raise", "stop")
EXIT_STATUS = 70
HANG_LEASES = 2
Act = Callable[[], float]  # returns the seconds to hang


@dataclass(frozen=True, slots=True)
class Place:
    """A function of the product and the error to inject; `applies` filters calls by their first argument."""

    owner: object
    attribute: str
    error: Callable[[], Exception]
    applies: Callable[[object], bool] = lambda _: True


def _redis_error() -> Exception:
    return RedisConnectionError("failpoint: connection lost")


def _queue_error() -> Exception:
    return QueueUnavailable("failpoint: connection lost")


def _database_error() -> Exception:
    return OperationalError("failpoint", None, OSError("failpoint: connection lost"))


def _disk_error() -> Exception:
    return OSError(5, "failpoint: disk error")


def _bug() -> Exception:
    return ZeroDivisionError("failpoint: bug")


def _is_draft(descriptor: object) -> bool:
    return isinstance(descriptor, int) and os.readlink(f"/proc/self/fd/{descriptor}").endswith(".tmp")  # noqa: PTH115 - Path is wrapped too


def _is_folder(descriptor: object) -> bool:
    return isinstance(descriptor, int) and stat.S_ISDIR(os.fstat(descriptor).st_mode)


def _is_draft_path(path: object) -> bool:
    return isinstance(path, str | Path) and str(path).endswith(".tmp")


PLACES = {
    "api.form": Place(uploads, "read_upload", _bug),
    "api.put": Place(Producer, "put", _queue_error),
    "api.answer": Place(uploads, "Accepted", _bug),
    "queue.create_group": Place(Consumer, "create_group", _redis_error),
    "queue.receive": Place(Consumer, "receive", _redis_error),
    "queue.claim": Place(Consumer, "claim", _redis_error),
    "queue.settle": Place(Consumer, "settle", _redis_error),
    "queue.record_failure": Place(Consumer, "record_failure", _redis_error),
    "queue.requeue": Place(Consumer, "requeue", _redis_error),
    "queue.renew": Place(Consumer, "renew", _redis_error),
    "queue.deregister": Place(Consumer, "deregister", _redis_error),
    "caption": Place(Captioner, "add_caption", _bug),
    "rows.find": Place(store, "find_many", _database_error),
    "rows.insert": Place(store, "insert_new", _database_error),
    "rows.commit": Place(Session, "commit", _database_error),
    "file.open": Place(os, "open", _disk_error, _is_draft_path),
    "file.write": Place(os, "write", _disk_error, _is_draft),
    "file.fsync": Place(os, "fsync", _disk_error, _is_draft),
    "file.rename": Place(Path, "replace", _disk_error, _is_draft_path),
    "folder.fsync": Place(os, "fsync", _disk_error, _is_folder),
    "store": Place(Archive, "store", _bug),
    "deletion.rows": Place(Lifecycle, "delete", _database_error),
    "deletion.files": Place(Lifecycle, "delete_files", _disk_error),
    "deletion.state": Place(Jobs, "record_state", _queue_error),
    "deletion.finish": Place(Lifecycle, "finish", _database_error),
    "dead_letters.redrive": Place(DeadLetters, "redrive", _redis_error),
    "dead_letters.drop_payload": Place(DeadLetters, "drop_payload", _redis_error),
    "dead_letter_files.write": Place(DeadLetterFiles, "write", _disk_error),
}


def arm(specifications: str, hit_file: Path, lease_seconds: float) -> None:
    """Arm failpoints given as `place.before:kill` or `place.after:raise:3`, separated by commas."""
    for specification in specifications.split(","):
        name, action, *nth = specification.split(":")
        at, _, when = name.rpartition(".")
        assert when in ("before", "after"), specification
        assert action in ACTIONS, specification
        place = PLACES[at]
        countdown = _Countdown(int(nth[0]) if nth else 1)
        act = functools.partial(_act, specification, action, place.error, hit_file, lease_seconds * HANG_LEASES)
        _wrap(place, countdown, act, before=when == "before")


class _Countdown:
    """True at the n-th call only."""

    def __init__(self, calls: int) -> None:
        self._left = calls
        self._lock = threading.Lock()

    def is_over(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left == 0


def _wrap(place: Place, countdown: _Countdown, act: Act, *, before: bool) -> None:
    function: Callable[..., object] = getattr(place.owner, place.attribute)

    def reached(args: tuple[object, ...]) -> bool:
        return (not args or place.applies(args[0])) and countdown.is_over()

    def blocking(*args: object, **named: object) -> object:
        hit = reached(args)
        if hit and before:
            time.sleep(act())
        result = function(*args, **named)
        if hit and not before:
            time.sleep(act())
        return result

    async def in_a_loop(*args: object, **named: object) -> object:
        hit = reached(args)
        if hit and before:
            await asyncio.sleep(act())
        result = await function(*args, **named)  # type: ignore[misc] # it is a coroutine function
        if hit and not before:
            await asyncio.sleep(act())
        return result

    wrapper = in_a_loop if inspect.iscoroutinefunction(function) else blocking
    setattr(place.owner, place.attribute, functools.wraps(function)(wrapper))


def _act(what: str, action: str, error: Callable[[], Exception], hit_file: Path, hang_seconds: float) -> float:
    with hit_file.open("a") as hits:
        hits.write(f"{what}\n")
    match action:
        case "exit":
            os._exit(EXIT_STATUS)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "raise":
            raise error()
        case _:
            return hang_seconds
    return 0


def main() -> None:
    """Take the failpoints from the command queues, hand the rest to the launcher."""
    os.environ["FAULTS_FAILPOINT"], separator, *command = sys.argv[1:]
    assert separator == "--"
    os.environ.setdefault("FAULTS_HITS", "failpoints.hit")
    os.execv(sys.executable, [sys.executable, "-m", "tests.faults.launch", *command])  # noqa: S606 - it becomes the service


if __name__ == "__main__":
    main()
