"""Ends a command whose database does not answer. Some drivers wait for an answer without a limit."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from captiond.archive import Archive, ArchiveUnavailable
from captiond.cli.errors import print_error

LIMIT_SECONDS = 8.0
PING_SECONDS = 1.0
# A refused connection is reported at once. An error after a longer time means that the database does not answer.
SLOW_ERROR_SECONDS = 3.0
STATUS = 1


class _Pings:
    """Pings the database from one thread, and ends the process from another if it does not answer."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._answered_at = time.monotonic()
        self.done = threading.Event()

    def start(self) -> None:
        for target in (self._ping, self._watch):
            threading.Thread(target=target, daemon=True).start()

    @property
    def silent_seconds(self) -> float:
        """The time since the last answer."""
        return time.monotonic() - self._answered_at

    def _ping(self) -> None:
        while not self.done.wait(PING_SECONDS):
            began = time.monotonic()
            try:
                self._archive.ping_database()
            except ArchiveUnavailable:
                if time.monotonic() - began > SLOW_ERROR_SECONDS:
                    continue
            self._answered_at = time.monotonic()

    def _watch(self) -> None:
        while not self.done.wait(PING_SECONDS):
            if self.silent_seconds > LIMIT_SECONDS:
                sys.stdout.flush()
                print_error(f"no answer from the database for {LIMIT_SECONDS:.0f} s")
                sys.stderr.flush()
                os._exit(STATUS)


@contextmanager
def exit_if_hung(archive: Archive) -> Iterator[None]:
    """Print one line and exit with status 1 if the database does not answer for 8 s."""
    pings = _Pings(archive)
    pings.start()
    try:
        yield
    except ArchiveUnavailable as error:
        if pings.silent_seconds <= SLOW_ERROR_SECONDS:
            raise
        print_error(f"no answer from the database: {error}")
        raise typer.Exit(STATUS) from error
    finally:
        pings.done.set()
