"""Reads the clock of the database server."""

from sqlalchemy import Connection, text

_SECONDS = {
    "postgresql": text("SELECT extract(epoch FROM clock_timestamp())"),
    "mysql": text("SELECT unix_timestamp(sysdate(6))"),
    "mariadb": text("SELECT unix_timestamp(sysdate(6))"),
}


def read_clock(connection: Connection) -> float | None:
    """Return the server's time in seconds since the epoch. None for SQLite, which has the clock of this machine."""
    query = _SECONDS.get(connection.dialect.name)
    return None if query is None else float(connection.scalar(query) or 0)
