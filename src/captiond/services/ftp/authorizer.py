"""Logins of clients."""

from typing import TYPE_CHECKING

from pyftpdlib.exceptions import AuthenticationFailed

from captiond.services.ftp.directory import ROOT
from captiond.services.ftp.options import CheckLogin

if TYPE_CHECKING:
    from captiond.services.ftp.session import Session


class Authorizer:
    """The authorizer interface of pyftpdlib. Every user has the same rights; the session limits the commands."""

    def __init__(self, check_login: CheckLogin) -> None:
        self._check_login = check_login

    def validate_authentication(self, username: str, password: str, handler: "Session") -> None:
        """Set the client of the session, or raise AuthenticationFailed.

        pyftpdlib replies after 3 s, and closes the session after three failures.
        """
        handler.client = self._check_login(username, password, handler.remote_ip)
        if handler.client is None:
            raise AuthenticationFailed("The user name or the password is wrong.")

    def get_home_dir(self, username: str) -> str:
        del username
        return ROOT

    def get_msg_login(self, username: str) -> str:
        del username
        return "Login successful."

    def get_msg_quit(self, username: str) -> str:
        del username
        return "Goodbye."

    def has_perm(self, username: str, perm: str, path: str | None = None) -> bool:
        del username, perm, path
        return True

    def get_perms(self, username: str) -> str:
        del username
        return "elmw"

    def impersonate_user(self, username: str, password: str) -> None:
        """Change nothing: the session reads and writes no files."""

    def terminate_impersonation(self, username: str) -> None:
        """Change nothing."""
