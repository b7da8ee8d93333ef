"""The virtual directories of the FTP service."""

from pyftpdlib.filesystems import AbstractedFS

from captiond.services.ftp.directory import VirtualDirectories

# These methods convert paths and format listings. They get their data from the other methods.
NO_DISK = {
    "cwd",
    "format_list",
    "format_mlsx",
    "fs2ftp",
    "ftp2fs",
    "ftpnorm",
    "get_group_by_gid",
    "get_user_by_uid",
    "root",
    "_isabs",
}


def test_every_method_that_uses_the_disk_is_replaced() -> None:
    inherited = {
        name
        for name, value in vars(AbstractedFS).items()
        if callable(value) or isinstance(value, property | staticmethod)
    }

    assert inherited - set(vars(VirtualDirectories)) == NO_DISK
