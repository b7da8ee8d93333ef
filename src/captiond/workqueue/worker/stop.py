"""How a worker is told to stop: once in good order, twice at once."""

import threading


class Stop(threading.Event):
    """Set when the work is to end; `at_once` is set when not even the work in hand is to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once = threading.Event()

    def ask(self) -> None:
        """Ask once more. Not for a signal handler: that may interrupt a thread which holds the event's own lock."""
        if self.is_set():
            self.at_once.set()
        self.set()
