"""The data connection of an upload."""

import logging
import socket
from typing import TYPE_CHECKING

from pyftpdlib.handlers import DTPHandler
from pyftpdlib.handlers.ftp.dispatchers import PassiveDTP

from captiond.services.ftp.incoming import IncomingFile
from captiond.services.ftp.refusal import Refused

if TYPE_CHECKING:
    from captiond.services.ftp.session import Session

CHECK_SECONDS = 10

logger = logging.getLogger(__name__)


class NoFreePort(Exception):
    """All passive ports are in use."""


class PassiveListener(PassiveDTP):  # type: ignore[misc] # pyftpdlib has no types
    """Waits for the data connection of one session."""

    cmd_channel: "Session"
    _is_probing = False

    def bind_af_unspecified(self, addr: tuple[str, int]) -> int:
        """Find the address family, with any port."""
        self._is_probing = True
        try:
            return int(super().bind_af_unspecified(addr))
        finally:
            self._is_probing = False

    def bind(self, addr: tuple[str, int]) -> None:
        """Raise NoFreePort where pyftpdlib would choose a port outside the range, which a firewall blocks."""
        if addr[1] == 0 and self.cmd_channel.passive_ports is not None and not self._is_probing:
            self.close()
            raise NoFreePort
        super().bind(addr)

    def handle_timeout(self) -> None:
        super().handle_timeout()
        self.cmd_channel.drop_late_connection()


class Transfer(DTPHandler):  # type: ignore[misc] # pyftpdlib has no types
    """Receives a file, and passes it to the session at the end of the connection."""

    timeout = CHECK_SECONDS
    cmd_channel: "Session"
    file_obj: IncomingFile | None
    _lastdata: int

    def enable_receiving(self, type: str, cmd: str) -> None:  # noqa: A002 - pyftpdlib's name
        """Store the bytes unchanged, because cameras that omit TYPE I also send binary files."""
        del type
        super().enable_receiving("i", cmd)

    def readable(self) -> bool:
        """Leave bytes that arrive before STOR in the socket, because some clients do not wait for the reply."""
        if self._initialized or self.receive:
            return bool(self.receive)
        if self.is_closed_by_client():
            self.close()
        else:
            self.modify_ioloop_events(0)
        return False

    def is_closed_by_client(self) -> bool:
        """Whether a readable socket has no bytes."""
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def handle_read(self) -> None:
        """Receive, until the file is refused."""
        super().handle_read()
        if self.file_obj and self.file_obj.refused and not self._closed:
            self.cmd_channel.log_refusal(self.file_obj.refused, self.file_obj.name)
            self._resp = (str(self.file_obj.refused), logger.debug)
            self.close()

    handle_read_event = handle_read

    def handle_close(self) -> None:
        """Queue the file at the end of the connection. Its reply is that of the queue."""
        if self._closed or not self.receive or self.file_obj is None:
            super().handle_close()
            return
        file, self.file_obj = self.file_obj, None
        self.cmd_channel.hold()
        self.close()  # before the reply, RFC 959 section 3.3
        self.cmd_channel.queue(file)

    def handle_timeout(self) -> None:
        """End a transfer that is too slow or takes too long. Called every CHECK_SECONDS."""
        if not self.receive:
            super().handle_timeout()
            return
        limits, received = self.cmd_channel.limits, self.tot_bytes_received
        rate = (received - self._lastdata) / CHECK_SECONDS
        self._lastdata = received
        if rate >= limits.min_rate and self.get_elapsed_time() <= limits.max_seconds:
            return
        refused = Refused(426, f"Transfer aborted: {received} bytes in {self.get_elapsed_time():.0f} s.")
        if self.file_obj:
            self.cmd_channel.log_refusal(refused, self.file_obj.name)
        self._resp = (str(refused), logger.debug)
        self.close()
