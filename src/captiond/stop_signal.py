"""The request to stop a process."""

import signal
import threading


class StopSignal(threading.Event):
    """Set to request a shutdown; `immediate` is set to requeue in-flight messages without waiting for their handler."""

    def __init__(self) -> None:
        super().__init__()
        self.immediate = threading.Event()

    def request(self) -> None:
        """Request a shutdown; the second request makes it immediate.

        Not for a signal handler, which may interrupt a thread that holds the event's lock.
        """
        if self.is_set():
            self.immediate.set()
        self.set()


def stop_on_signals() -> StopSignal:
    """Return an event that SIGINT and SIGTERM set. A second signal stops without finishing the current batch."""
    stop = StopSignal()
    for number in (signal.SIGINT, signal.SIGTERM):
        # In a thread, because the handler may interrupt the main thread while that holds the event's lock.
        signal.signal(number, lambda *_: threading.Thread(target=stop.request).start())
    return stop
