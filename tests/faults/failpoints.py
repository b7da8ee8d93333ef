"""Named failpoints in the product, without hooks in it.

`python -m tests.faults.failpoints NAME:ACTION[:NTH][,…] -- captioner` wraps the named functions and runs the command.
The action happens at the NTH call (the first), once. The product has no hooks for this and shall have none, so this
program patches it, which ordinary tests never do. Every name is proven to be reached: a hit leaves a line in the
file that FAULTS_HITS names.
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

from captiond.archive import Archive, archive
from captiond.imaging import Captioner
from captiond.services.api import uploads
from captiond.workqueue import Producer
from captiond.workqueue.admin import DeadLetters
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.streams.consumer import Consumer

ACTIONS = ("exit", "kill", "hang", "raise", "stop")
EXIT_STATUS = 70
HANG_LEASES = 2
Act = Callable[[], float]  # returns the seconds to hang


@dataclass(frozen=True, slots=True)
class Place:
    """A function of the product, and what may go wrong there; `applies` looks at its first argument."""

    owner: object
    attribute: str
    error: Callable[[], Exception]
    applies: Callable[[object], bool] = lambda _: True


def _redis_away() -> Exception:
    return RedisConnectionError("the failpoint cut the connection")


def _queue_away() -> Exception:
    return QueueUnavailable("the failpoint cut the connection")


def _database_away() -> Exception:
    return OperationalError("failpoint", None, OSError("the failpoint cut the connection"))


def _disk_broken() -> Exception:
    return OSError(5, "the failpoint broke the disk")


def _bug() -> Exception:
    return ZeroDivisionError("the failpoint is a bug")


def _is_draft(descriptor: object) -> bool:
    return isinstance(descriptor, int) and os.readlink(f"/proc/self/fd/{descriptor}").endswith(".tmp")  # noqa: PTH115 - Path is wrapped too


def _is_folder(descriptor: object) -> bool:
    return isinstance(descriptor, int) and stat.S_ISDIR(os.fstat(descriptor).st_mode)


def _is_draft_path(path: object) -> bool:
    return isinstance(path, str | Path) and str(path).endswith(".tmp")


PLACES = {
    "api.form": Place(uploads, "read_upload_form", _bug),
    "api.put": Place(Producer, "put", _queue_away),
    "api.answer": Place(uploads, "Accepted", _bug),
    "queue.create_group": Place(Consumer, "create_group", _redis_away),
    "queue.receive": Place(Consumer, "receive", _redis_away),
    "queue.claim": Place(Consumer, "claim", _redis_away),
    "queue.settle": Place(Consumer, "settle", _redis_away),
    "queue.record_failure": Place(Consumer, "record_failure", _redis_away),
    "queue.requeue": Place(Consumer, "requeue", _redis_away),
    "queue.renew": Place(Consumer, "renew", _redis_away),
    "queue.deregister": Place(Consumer, "deregister", _redis_away),
    "caption": Place(Captioner, "add_caption", _bug),
    "rows.find": Place(archive, "find_many", _database_away),
    "rows.insert": Place(archive, "insert_new", _database_away),
    "rows.commit": Place(Session, "commit", _database_away),
    "file.open": Place(os, "open", _disk_broken, _is_draft_path),
    "file.write": Place(os, "write", _disk_broken, _is_draft),
    "file.fsync": Place(os, "fsync", _disk_broken, _is_draft),
    "file.rename": Place(Path, "replace", _disk_broken, _is_draft_path),
    "folder.fsync": Place(os, "fsync", _disk_broken, _is_folder),
    "store": Place(Archive, "store", _bug),
    "dead_letters.redrive": Place(DeadLetters, "redrive", _redis_away),
}


def arm(specifications: str, hit_file: Path, lease_seconds: float) -> None:
    """Wrap what is named, as `place.before:kill` or `place.after:raise:3`, with commas between several."""
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
    """True once."""

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
