"""Ends a command whose database no longer answers. Some drivers wait for an answer without a limit."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from captiond.archive import Archive, ArchiveUnavailable
from captiond.cli.console import print_error

LIMIT_SECONDS = 8.0
# An error that takes longer than this means that the database does not answer; a refused connection is reported at once.
SLOW_ERROR_SECONDS = 3.0
PING_SECONDS = 1.0
STATUS = 1

MESSAGE = "the database does not answer"


@contextmanager
def exit_if_hung(archive: Archive) -> Iterator[None]:
    """Print one line and end the process with status 1 if the database does not answer for 8 s."""
    done = threading.Event()
    answered_at = time.monotonic()

    def ping() -> None:
        nonlocal answered_at
        while not done.wait(PING_SECONDS):
            began = time.monotonic()
            try:
                archive.ping_database()
            except ArchiveUnavailable:
                if time.monotonic() - began > SLOW_ERROR_SECONDS:
                    continue
            answered_at = time.monotonic()

    def watch() -> None:
        while not done.wait(PING_SECONDS):
            if time.monotonic() - answered_at > LIMIT_SECONDS:
                sys.stdout.flush()
                print_error(f"{MESSAGE}; the command was ended after {LIMIT_SECONDS:.0f} s without an answer")
                sys.stderr.flush()
                os._exit(STATUS)

    for target in (ping, watch):
        threading.Thread(target=target, daemon=True).start()
    try:
        yield
    except ArchiveUnavailable as error:
        if time.monotonic() - answered_at <= SLOW_ERROR_SECONDS:
            raise
        print_error(f"{MESSAGE}: {error}")
        raise typer.Exit(STATUS) from error
    finally:
        done.set()
