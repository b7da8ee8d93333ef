"""Uploads that ruin whoever captions them, told by their description; for launched captioners alone."""

import os
import resource
import time
from itertools import count, repeat

from captiond.imaging import Captioned, Captioner

ABORT, MEMORY, LOOP = "poison: abort", "poison: memory", "poison: loop"
STUMBLE, BUSY, SLOW = "poison: stumble", "poison: busy", "poison: slow"
BUSY_SECONDS = "FAULTS_BUSY_SECONDS"


def make_effective() -> None:
    """Have the descriptions do what they say; an isolated captioner spawned from here knows them too."""
    add_caption = Captioner.add_caption

    def swallow(self: Captioner, jpeg: bytes, text: str) -> Captioned:
        if text.startswith(ABORT):
            os.abort()
        if text.startswith(MEMORY):
            exhaust_memory()
        if text.startswith(LOOP):
            for _ in count():
                pass
        if text.startswith(STUMBLE):
            raise ZeroDivisionError("a bug that only this image shows")
        if text.startswith(BUSY):
            compute_for(float(os.environ[BUSY_SECONDS]))
        if text.startswith(SLOW):
            time.sleep(float(os.environ[BUSY_SECONDS]))
        return add_caption(self, jpeg, text)

    setattr(Captioner, "add_caption", swallow)  # noqa: B010 - mypy has no patching of methods


def exhaust_memory() -> None:
    """As the kernel's out-of-memory killer would: the process ends without a word.

    Not by taking all of this machine's memory: a limit of address space stands for it.
    """
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    try:
        list(map(bytearray, repeat(64 << 20)))
    except MemoryError:
        os._exit(137)


def compute_for(seconds: float) -> None:
    """Keep the interpreter busy with pure Python, which gives other threads a turn only when made to."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))
