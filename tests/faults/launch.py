"""Runs a captiond command with shorter timeouts and with injected faults.

Captiond has no hooks for tests. This program changes modules and defaults, then calls `captiond.cli.main`:

FAULTS_LEASE_SECONDS   duration of leases (default 30 s); retry delays and the handler timeout shrink in proportion, so
                       that a scenario takes seconds
FAULTS_HANDLING_SECONDS  handler timeout of the captioner, if it differs from that
FAULTS_NEWER           writes a newer message format, and reads the current one too
FAULTS_JOURNAL         file for the journal, see `tests.faults.journal`
FAULTS_FAILPOINT       see `tests.faults.failpoints`
FAULTS_MUTANT          see `tests.faults.mutants`
FAULTS_POISON          see `tests.faults.poison`
"""

import functools
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from captiond.cli import main
from captiond.services.captioner.isolation import Limits
from captiond.wiring import captioner
from captiond.workqueue import message
from captiond.workqueue.worker import WorkerOptions
from captiond.workqueue.worker.options import RetryPolicy
from tests.faults import failpoints, journal, mutants, poison

LEASE = "FAULTS_LEASE_SECONDS"
# As in captiond: the handler timeout is 6 leases.
HANDLING_LEASES = 6
# An isolated process imports this module first, which takes long on a busy machine.
ISOLATION_SECONDS = 30.0
ISOLATION_MEMORY_BYTES = 1 << 30


def prepare(environment: Mapping[str, str]) -> None:
    """Change this process as the variables require."""
    if lease := environment.get(LEASE):
        shorten(float(lease))
    if limit := environment.get("FAULTS_HANDLING_SECONDS"):
        captioner.CAPTIONER_LIMIT_SECONDS = float(limit)
    if environment.get("FAULTS_NEWER"):
        speak_newer()
    if path := environment.get("FAULTS_JOURNAL"):
        journal.record(Path(path))
    # Failpoints last, so that they also apply to mutated functions.
    if environment.get("FAULTS_POISON"):
        poison.install()
    if name := environment.get("FAULTS_MUTANT"):
        mutants.mutate(name)
    if armed := environment.get("FAULTS_FAILPOINT"):
        failpoints.arm(armed, hit_file=Path(environment["FAULTS_HITS"]), lease_seconds=float(lease or 30))


def shorten(lease_seconds: float) -> None:
    _default(WorkerOptions, lease_seconds=lease_seconds, delayed_check_seconds=min(1.0, lease_seconds / 4))
    _default(RetryPolicy, base_seconds=lease_seconds / 30, cap_seconds=lease_seconds)
    _default(Limits, wall_seconds=ISOLATION_SECONDS, memory_bytes=ISOLATION_MEMORY_BYTES)
    captioner.CAPTIONER_LIMIT_SECONDS = max(5.0, math.ceil(HANDLING_LEASES * lease_seconds))


def speak_newer() -> None:
    """Write and read messages as the next version of captiond."""
    decode, newer = message.Delivery.decode, message.FORMAT_VERSION + 1

    def read(self: message.Delivery) -> message.Message:
        return decode(message.Delivery(self.entry, self.deliveries, {**self.fields, b"v": b"%d" % newer}, self.payload))

    message.FORMAT_VERSION = newer
    setattr(message.Delivery, "decode", read)  # noqa: B010 - mypy rejects assignments to methods


def _default(options: type, **defaults: float) -> None:
    """Replace the defaults of a dataclass."""
    make: Callable[..., None] = options.__init__  # type: ignore[misc] # the method of this class itself

    @functools.wraps(make)
    def init(self: object, *args: object, **given: object) -> None:
        make(self, *args, **{**defaults, **given})

    setattr(options, "__init__", init)  # noqa: B010 - mypy rejects assignments to methods


# A process that captiond spawns imports this module as `__mp_main__`.
if __name__ == "__main__":
    prepare(os.environ)
    main()
