"""Runs pyftpdlib's sockets on the asyncio event loop, so that one thread receives files and queues them."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from pyftpdlib import ioloop

TICK_SECONDS = 0.1


class Channel(Protocol):
    """The interface of pyftpdlib's sockets."""

    def readable(self) -> bool: ...

    def writable(self) -> bool: ...

    def handle_read_event(self) -> None: ...

    def handle_write_event(self) -> None: ...

    def handle_error(self) -> None: ...


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> None: ...


class AsyncioLoop(ioloop.Select):  # type: ignore[misc] # pyftpdlib has no types
    """An I/O loop of pyftpdlib that does not poll. Unlike other loops, its base class `Select` opens no descriptor."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()

    def register(self, fd: int, instance: Channel, events: int) -> None:
        self.socket_map[fd] = instance
        self._listen(fd, events)

    def modify(self, fd: int, events: int) -> None:
        """Change the events of a registered socket. A session that is queueing is not registered."""
        if fd in self.socket_map:
            self._listen(fd, events)

    def unregister(self, fd: int) -> None:
        if self.socket_map.pop(fd, None):
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)

    def _listen(self, fd: int, events: int) -> None:
        if events & self.READ:
            self._loop.add_reader(fd, self._read, fd)
        else:
            self._loop.remove_reader(fd)
        if events & self.WRITE:
            self._loop.add_writer(fd, self._write, fd)
        else:
            self._loop.remove_writer(fd)

    def _read(self, fd: int) -> None:
        channel: Channel | None = self.socket_map.get(fd)
        if channel and channel.readable():
            _handle(channel.handle_read_event, channel)

    def _write(self, fd: int) -> None:
        channel: Channel | None = self.socket_map.get(fd)
        if channel and channel.writable():
            _handle(channel.handle_write_event, channel)

    async def run_timers(self) -> None:
        """Run pyftpdlib's scheduled calls, which are timeouts of seconds, until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.sched.poll()


def _handle(handler: Callable[[], None], channel: Channel) -> None:
    """Call a handler of a socket. Its error closes the socket, not the loop."""
    try:
        handler()
    except Exception:  # noqa: BLE001 - pyftpdlib logs it
        channel.handle_error()
