"""How a worker is told to stop: once in good order, twice at once."""

import threading


class StopSignal(threading.Event):
    """Set when the work is to end; `immediate` is set when not even the work in hand is to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.immediate = threading.Event()

    def request(self) -> None:
        """Ask once more. Not for a signal handler: that may interrupt a thread which holds the event's own lock."""
        if self.is_set():
            self.immediate.set()
        self.set()
