"""Runs a command of the product with shorter waits, and broken where the environment says so.

The product has no hooks for tests, so this program sets things up from outside and then calls `captiond.cli.main`:

FAULTS_LEASE_SECONDS   leases of so many seconds (the product's are 30 s); retries, the limit of handling and that of
                       isolated captioning shrink along, so that a scenario takes seconds
FAULTS_HANDLING_SECONDS  how long a captioner may take for a batch, where that is to differ
FAULTS_NEWER           speaks a newer format of messages, and reads the present one too
FAULTS_JOURNAL         a file to which workers write what they were given and what was fenced off
FAULTS_FAILPOINT       see `tests.faults.failpoints`
FAULTS_MUTANT          see `tests.faults.mutants`
FAULTS_POISON          see `tests.faults.poison`
"""

import functools
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from captiond import wiring
from captiond.cli import main
from captiond.services.captioner.isolation import Limits
from captiond.workqueue import message
from captiond.workqueue.worker import WorkerOptions
from captiond.workqueue.worker.options import RetryPolicy
from tests.faults import failpoints, journal, mutants, poison

LEASE = "FAULTS_LEASE_SECONDS"
# As the product has it: handling may take 6 leases, isolated captioning 4.
HANDLING_LEASES = 6
ISOLATION_LEASES = 4
ISOLATION_MEMORY_BYTES = 1 << 30


def prepare(environment: Mapping[str, str]) -> None:
    """Change this process; nothing changes without a variable that asks for it."""
    if lease := environment.get(LEASE):
        shorten(float(lease))
    if limit := environment.get("FAULTS_HANDLING_SECONDS"):
        wiring.CAPTIONER_LIMIT_SECONDS = float(limit)
    if environment.get("FAULTS_NEWER"):
        speak_newer()
    if path := environment.get("FAULTS_JOURNAL"):
        journal.keep(Path(path))
    # In this order: a failpoint in a mutated function is reached in the mutant.
    if environment.get("FAULTS_POISON"):
        poison.make_effective()
    if name := environment.get("FAULTS_MUTANT"):
        mutants.mutate(name)
    if armed := environment.get("FAULTS_FAILPOINT"):
        failpoints.arm(armed, hit_file=Path(environment["FAULTS_HITS"]), lease_seconds=float(lease or 30))


def shorten(lease_seconds: float) -> None:
    _default(WorkerOptions, lease_seconds=lease_seconds, delayed_check_seconds=min(1.0, lease_seconds / 4))
    _default(RetryPolicy, base_seconds=lease_seconds / 30, cap_seconds=lease_seconds)
    _default(Limits, wall_seconds=max(3.0, ISOLATION_LEASES * lease_seconds), memory_bytes=ISOLATION_MEMORY_BYTES)
    wiring.CAPTIONER_LIMIT_SECONDS = max(5.0, math.ceil(HANDLING_LEASES * lease_seconds))


def speak_newer() -> None:
    """Be the next version of the product, as far as messages go."""
    decode, newer = message.Delivery.message, message.FORMAT_VERSION + 1

    def read(self: message.Delivery) -> message.Message:
        return decode(message.Delivery(self.entry, self.deliveries, {**self.fields, b"v": b"%d" % newer}, self.payload))

    message.FORMAT_VERSION = newer
    setattr(message.Delivery, "message", read)  # noqa: B010 - mypy has no patching of methods


def _default(options: type, **defaults: float) -> None:
    """Give a dataclass other defaults."""
    make: Callable[..., None] = options.__init__  # type: ignore[misc] # it is its class's own

    @functools.wraps(make)
    def init(self: object, *args: object, **given: object) -> None:
        make(self, *args, **{**defaults, **given})

    setattr(options, "__init__", init)  # noqa: B010 - mypy has no patching of methods


# Where the product spawns a process of its own, that process imports this module under another name.
if __name__ == "__main__":
    prepare(os.environ)
    main()
