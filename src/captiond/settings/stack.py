"""Finds the stack of a data directory. `captiond up` locks the directory and writes the settings of its services there.

`up.lock` remains after a stop, so it marks the data directory of a stack. `captiond.yaml` contains the settings, and is
locked while the stack runs. A killed stack leaves the file without its lock.
"""

import fcntl
from dataclasses import dataclass
from pathlib import Path

from captiond.database_url import sqlite_url

# The data directory of `captiond up` unless it is started with --data-dir.
DATA_DIR = Path("var")
_LOCK = "up.lock"
_FILE = "captiond.yaml"


@dataclass(frozen=True, slots=True)
class StackFolder:
    """A data directory in which `captiond up` runs or has run."""

    data_dir: Path

    @property
    def file(self) -> Path:
        """The settings of the stack's services, which are valid while it runs."""
        return self.data_dir / _FILE

    @property
    def data_settings(self) -> dict[str, str]:
        """The settings for the data of a stopped stack."""
        folder = self.data_dir.absolute()
        signing_keys = folder / "signing-keys.json"
        return {
            "database_url": sqlite_url(folder / "captiond.db"),
            **({"signing_keys": str(signing_keys)} if signing_keys.exists() else {}),
            **{f"{name}_dir": str(folder / name) for name in ("images", "thumbnails", "log", "run")},
        }

    @property
    def is_running(self) -> bool:
        """Whether another process holds the lock of the file. Raises OSError if the file cannot be opened."""
        try:
            with self.file.open() as opened:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def find_stack(config: Path | None) -> StackFolder | None:
    """Return the stack whose file is `config`, else that of `var`, or None."""
    if config is not None and is_stack_file(config):
        return StackFolder(config.parent)
    return StackFolder(DATA_DIR) if is_stack_file(DATA_DIR / _FILE) else None


def is_stack_file(path: Path) -> bool:
    """Whether `captiond up` writes this file, which need not exist."""
    return path.name == _FILE and (path.with_name(_LOCK).exists() or StackFolder(path.parent).is_running)
