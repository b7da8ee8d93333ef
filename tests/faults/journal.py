"""A journal of deliveries, settlements and lost leases, written by the launched processes.

Captiond deletes a message when it is settled, but the audit needs its history. A line is one `write` in append mode, so
that processes can share the file and a killed process loses no line.
"""

import functools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker import Outcome

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Line:
    """An event of a stream entry. `deliveries` is 0 except for the event `given`."""

    what: str
    consumer: str
    entry: str
    id: str = ""
    deliveries: int = 0

    @property
    def queue(self) -> str:
        return "uploads" if self.consumer.startswith("captioner") else "captioned"


def read(path: Path) -> Iterator[Line]:
    """Read the lines written so far."""
    if not path.exists():
        return
    with path.open() as lines:
        for line in lines:
            yield Line(**json.loads(line))


def record(path: Path) -> None:
    """Record the events of all consumers of this process."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(lines: Iterable[Line]) -> None:
        if text := "".join(f"{json.dumps(asdict(line))}\n" for line in lines):
            os.write(descriptor, text.encode())

    def given(consumer: Consumer, deliveries: Sequence[Delivery]) -> None:
        note(Line("given", consumer.name, one.entry.decode(), one.id, one.deliveries) for one in deliveries)

    @functools.wraps(Consumer.create_group)
    def create_group(self: Consumer) -> None:
        note([Line("joined", self.name, "")])
        joined(self)

    @functools.wraps(Consumer.receive)
    def receive(self: Consumer, *args: object, **named: object) -> list[Delivery]:
        deliveries = received(self, *args, **named)
        given(self, deliveries)
        return deliveries

    @functools.wraps(Consumer.claim)
    def claim(self: Consumer, *args: object, **named: object) -> list[Delivery]:
        deliveries = claimed(self, *args, **named)
        given(self, deliveries)
        return deliveries

    @functools.wraps(Consumer.settle)
    def settle(self: Consumer, settled: Sequence[tuple[Delivery, Outcome]]) -> list[int | bytes]:
        firsts = carried_out(self, settled)
        note(
            Line("settled" if first else "fenced", self.name, one.entry.decode(), one.id)
            for (one, _), first in zip(settled, firsts, strict=True)
        )
        return firsts

    @functools.wraps(Consumer.renew)
    def renew(self: Consumer, entries: Iterable[bytes]) -> set[bytes]:
        asked = set(entries)
        owned = renewed(self, asked)
        note(Line("lease lost", self.name, entry.decode()) for entry in asked - owned)
        note(Line("renewed", self.name, entry.decode()) for entry in owned)
        return owned

    joined = _original(Consumer.create_group)
    received = _original(Consumer.receive)
    claimed = _original(Consumer.claim)
    carried_out = _original(Consumer.settle)
    renewed = _original(Consumer.renew)
    for method in (create_group, receive, claim, settle, renew):
        setattr(Consumer, method.__name__, method)


def _original(method: Callable[..., R]) -> Callable[..., R]:
    """Return the method with a signature that accepts any arguments, which this module only passes on."""
    return method
