"""Sessions and transfers with explicit TLS, RFC 4217."""

from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler

from captiond.services.ftp.session import Session
from captiond.services.ftp.transfer import Transfer


class TlsTransfer(TLS_DTPHandler, Transfer):  # type: ignore[misc] # pyftpdlib has no types
    """Its TLS layer calls the methods of the next class, so `Transfer` follows it."""

    def is_closed_by_client(self) -> bool:
        """Unknown before the records are decrypted. A timeout closes the connection."""
        return False


class TlsSession(TLS_FTPHandler, Session):  # type: ignore[misc] # pyftpdlib has no types
    """The client chooses TLS with AUTH, and for data with PROT, unless the server requires it."""

    dtp_handler = TlsTransfer
