"""Uploads that make the captioner crash, hang or fail, selected by their description."""

import os
import resource
import time
from itertools import count, repeat

from captiond.imaging import Captioned, Captioner

ABORT, MEMORY, LOOP = "poison: abort", "poison: memory", "poison: loop"
STUMBLE, BUSY, SLOW = "poison: stumble", "poison: busy", "poison: slow"
BUSY_SECONDS = "FAULTS_BUSY_SECONDS"


def install() -> None:
    """Patch the captioner. An isolated captioner spawned by this process is patched too."""
    add_caption = Captioner.add_caption

    def add_poisoned_caption(self: Captioner, jpeg: bytes, text: str, digest: bytes | None = None) -> Captioned:
        if text.startswith(ABORT):
            os.abort()
        if text.startswith(MEMORY):
            exhaust_memory()
        if text.startswith(LOOP):
            for _ in count():
                pass
        if text.startswith(STUMBLE):
            raise ZeroDivisionError("a bug triggered by this image")
        if text.startswith(BUSY):
            compute_for(float(os.environ[BUSY_SECONDS]))
        if text.startswith(SLOW):
            time.sleep(float(os.environ[BUSY_SECONDS]))
        return add_caption(self, jpeg, text, digest)

    setattr(Captioner, "add_caption", add_poisoned_caption)  # noqa: B010 - mypy rejects assignments to methods


def exhaust_memory() -> None:
    """End the process without output, as the kernel's out-of-memory killer does.

    A limit of the address space takes the place of the memory of the machine.
    """
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    try:
        list(map(bytearray, repeat(64 << 20)))
    except MemoryError:
        os._exit(137)


def compute_for(seconds: float) -> None:
    """Run pure Python code, which holds the interpreter lock except when other threads request it."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))
