"""Sessions and transfers with explicit TLS, RFC 4217."""

from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler

from captiond.services.ftp.session import Session
from captiond.services.ftp.transfer import Transfer


class TlsTransfer(TLS_DTPHandler, Transfer):  # type: ignore[misc] # pyftpdlib has no types
    """The TLS layer calls the methods of the next base class, which must be `Transfer`."""

    def is_closed_by_client(self) -> bool:
        """Return False: it is unknown before decryption. A timeout closes the connection."""
        return False


class TlsSession(TLS_FTPHandler, Session):  # type: ignore[misc] # pyftpdlib has no types
    """The client enables TLS with AUTH, and for data with PROT. The server may require both."""

    dtp_handler = TlsTransfer
