"""The command `captiond`: handles SIGTERM before it imports the rest, which takes most of the start."""

import os
import signal

TERMINATED_STATUS = 128 + signal.SIGTERM


def main() -> None:
    """Run the command line and exit."""
    if os.getpid() == 1:
        # The kernel discards signals to process 1 of a container that have no handler. The services install their own.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(TERMINATED_STATUS))
    from captiond import cli  # noqa: PLC0415 - after the handler

    cli.main()
