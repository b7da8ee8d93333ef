"""The control connection of a client."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pyftpdlib.handlers import FTPHandler
from pyftpdlib.handlers.ftp.dispatchers import ActiveDTP

from captiond.access import Principal
from captiond.archive import AuditEntry
from captiond.operations.audit import AuditLog
from captiond.operations.rejection_log import Rejection, RejectionLog
from captiond.operations.request_rates import RequestRate, name_network
from captiond.services.ftp.authorizer import Authorizer
from captiond.services.ftp.directory import VirtualDirectories
from captiond.services.ftp.incoming import IncomingFile, UploadMemory
from captiond.services.ftp.loop import Timer
from captiond.services.ftp.options import TransferLimits
from captiond.services.ftp.receiver import Receiver
from captiond.services.ftp.refusal import Refused
from captiond.services.ftp.transfer import NoFreePort, PassiveListener, Transfer

if TYPE_CHECKING:
    from captiond.services.ftp.server import Server

# A client that does not log in occupies one of a limited number of sessions.
LOGIN_SECONDS = 30
IDLE_SECONDS = 300

# The commands of an upload, and those of the test buttons of cameras.
LOGGED_COMMANDS = frozenset(
    ("USER", "PASS", "PASV", "EPSV", "PORT", "EPRT", "PROT", "STOR", "STOU", "APPE", "REST", "RETR", "DELE")
)
FIRST_ERROR = 400

logger = logging.getLogger(__name__)


class Session(FTPHandler):  # type: ignore[misc] # pyftpdlib has no types
    """Accepts uploads. The server sets the attributes without a value."""

    authorizer: Authorizer
    receiver: Receiver
    limits: TransferLimits
    memory: UploadMemory
    rejections: RejectionLog
    is_valid: Callable[[Principal], bool]
    upload_rate: RequestRate
    audit: AuditLog | None
    server: "Server"
    data_channel: Transfer | None
    passive_ports: Sequence[int] | None
    _idler: Timer
    _in_dtp_queue: tuple[IncomingFile, str] | None
    _dtp_acceptor: PassiveListener | None
    _dtp_connector: ActiveDTP | None

    banner = "captiond ready."
    timeout = LOGIN_SECONDS
    dtp_handler = Transfer
    passive_dtp = PassiveListener
    abstracted_fs = VirtualDirectories
    client: Principal | None = None
    _is_queueing = False

    @property
    def is_busy(self) -> bool:
        """Whether an upload is in progress."""
        if self._closed:  # pyftpdlib has deleted the attributes
            return False
        is_receiving = self.data_channel is not None and self.data_channel.receive
        is_connecting = self._dtp_acceptor is not None or self._dtp_connector is not None
        return bool(self._is_queueing or is_receiving or (self._in_dtp_queue is not None and is_connecting))

    def on_connect(self) -> None:
        self.server.sessions.add(self)

    def on_disconnect(self) -> None:
        self.server.sessions.discard(self)

    def on_login(self, username: str) -> None:
        """Allow a longer time between commands."""
        del username
        self.timeout = IDLE_SECONDS
        self._idler.cancel()
        self._idler = self.ioloop.call_later(IDLE_SECONDS, self.handle_timeout, _errback=self.handle_error)

    def on_login_failed(self, username: str, password: str) -> None:
        del password
        self._log_rejection(Refused(530, "Login failed."), username, "")

    def handle_max_cons(self) -> None:
        self._log_rejection(Refused(421, "Too many sessions."), "", "")
        super().handle_max_cons()

    def dismiss(self) -> None:
        """End the session during a shutdown."""
        if not self._closed:
            self.respond("421 The server is shutting down.")
            self.close_when_done()

    def log_cmd(self, cmd: str, arg: str, respcode: int, respstr: str) -> None:
        """Log a refused command. pyftpdlib calls this after the reply to a command."""
        if cmd in LOGGED_COMMANDS and respcode >= FIRST_ERROR:
            self.log_refusal(Refused(respcode, respstr), "" if cmd == "PASS" else arg)

    def create_file(self, path: str, key_path: str) -> IncomingFile:
        return IncomingFile(path, key_path, self.limits.max_bytes, self.memory)

    def log_refusal(self, refused: Refused, path: str) -> None:
        self._log_rejection(refused, self.username, path)

    def _log_rejection(self, refused: Refused, user: str, path: str) -> None:
        detail = f"user={user!r} path={path!r} reply={str(refused)!r}"
        self.rejections.add(Rejection(self.remote_ip, "ftp", str(refused.code), detail))

    # Commands

    def ftp_STOR(self, file: str, mode: str = "w") -> None:  # noqa: N802 - the name of the command
        """Start an upload, unless nothing can be queued."""
        if not self._refuse_early():
            super().ftp_STOR(file, mode)

    def ftp_STOU(self, line: str) -> None:  # noqa: N802
        """Start an upload, unless nothing can be queued. The server chooses a unique name."""
        if not self._refuse_early():
            super().ftp_STOU(line)

    def ftp_APPE(self, file: str) -> None:  # noqa: N802
        """Refuse: a queued image cannot grow."""
        del file
        self.respond("550 APPE is not supported; send the whole file with STOR.")

    def ftp_REST(self, line: str) -> None:  # noqa: N802
        """Refuse: the start of an interrupted upload was discarded."""
        del line
        self.respond("550 REST is not supported; send the whole file with STOR.")

    def ftp_RETR(self, file: str) -> None:  # noqa: N802
        """Refuse: the archive is read over HTTP."""
        del file
        self.respond("550 This server only receives images.")

    def ftp_DELE(self, path: str) -> None:  # noqa: N802
        """Refuse: a queued image is archived."""
        del path
        self.respond("550 Images cannot be deleted.")

    def _refuse_early(self) -> bool:
        if self.is_busy:
            self.respond("503 Another upload is in progress in this session.")
            return True
        try:
            client = self._require_valid_client()
            self.receiver.require_available()
            self._require_rate(client)
        except Refused as refused:
            self._shutdown_connecting_dtp()
            if self.data_channel is not None:
                self.data_channel.close()
            self.respond(str(refused))
            return True
        return False

    def _require_valid_client(self) -> Principal:
        """Return the client. Raises Refused if its key was revoked, or has expired, after the login."""
        if self.client is None or not self.is_valid(self.client):
            raise Refused(530, "The API key is no longer valid; log in again.")
        return self.client

    def _require_rate(self, client: Principal) -> None:
        """Raise Refused if the key, or without keys the address, exceeds the rate of uploads."""
        name = f"key:{client.key_id}" if client.key_id else name_network(self.remote_ip)
        if wait := self.upload_rate.count(name):
            limit = self.upload_rate.rate
            raise Refused(450, f"The limit of {limit} per client is reached; retry after {math.ceil(wait)} s.")

    # The end of an upload

    def hold(self) -> None:
        """Read no further commands until the reply of the upload. Its time limit is that of the queue."""
        self._is_queueing = True
        self.del_channel()

    def queue(self, file: IncomingFile) -> None:
        """Queue a received file and send its reply."""
        self.server.run(self._queue(file))

    async def _queue(self, file: IncomingFile) -> None:
        try:
            client = self._require_valid_client()
            image_id = await self.receiver.receive(self.username, file, client.camera)
            reply = f"226 Queued as image {image_id}."
            self._record(client, image_id, file.name)
        except Refused as refused:
            self.log_refusal(refused, file.name)
            reply = str(refused)
        except Exception:
            logger.exception("cannot queue user=%r path=%r", self.username, file.name)
            reply = "451 Internal error; retry later."
        finally:
            file.close()
        if not self._closed:
            self._resume(reply, file)

    def _record(self, client: Principal, image_id: str, path: str) -> None:
        if self.audit:
            self.audit.record(
                AuditEntry(
                    action="upload",
                    result="226",
                    actor=client.name,
                    key_id=client.key_id,
                    address=self.remote_ip,
                    image_id=UUID(image_id),
                    detail=f"ftp {path}",
                )
            )

    def _resume(self, reply: str, file: IncomingFile) -> None:
        self._is_queueing = False
        self.add_channel()
        if self._quit_pending:
            self.del_channel()
        if reply.startswith("226"):
            self.fs.record(file)
        self.respond(reply)
        if not self._closed:
            super()._on_dtp_close()

    def _on_dtp_close(self) -> None:
        """Keep the session open, and its idle timer stopped, while a file is being queued."""
        if self._is_queueing:
            self.data_channel = None
            return
        if self._in_dtp_queue is not None:  # the connection of an accepted upload was reset before it was used
            self._in_dtp_queue = None
            self.respond("426 The data connection was lost; transfer aborted.")
        super()._on_dtp_close()

    def _make_epasv(self, extmode: bool = False) -> None:  # noqa: FBT001, FBT002 - as in pyftpdlib
        try:
            super()._make_epasv(extmode)
        except NoFreePort:
            self.respond("425 No passive port is free; retry later.")

    def drop_late_connection(self) -> None:
        """Called when no data connection was made in time."""
        if not self._closed:
            self._shutdown_connecting_dtp()

    def _shutdown_connecting_dtp(self) -> None:
        """Also discard the upload that waits for the connection: the next connection may carry another file."""
        super()._shutdown_connecting_dtp()
        self._in_dtp_queue = None
