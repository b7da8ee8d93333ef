"""The file of an SQLite database. Only `migrate` creates it, although SQLite would when it connects."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL

from captiond.archive.errors import ArchiveUnavailable


def create_database_file(url: URL) -> None:
    """Create the file and its folders. Does nothing for other databases. Raises ArchiveUnavailable."""
    if url.get_backend_name() == "sqlite" and url.database:
        path = Path(url.database)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise ArchiveUnavailable(f"database directory: {error}") from error


def require_database_file(_dialect: object, _record: object, arguments: Sequence[object], _options: object) -> None:
    """Raise ArchiveUnavailable for a missing file. A handler of the event `do_connect`."""
    path = Path(str(arguments[0]))
    if not path.exists():
        raise ArchiveUnavailable(
            f"database: {path.absolute()} does not exist; run `captiond migrate` or start the archiver"
        )
