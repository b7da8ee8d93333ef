"""Describes errors of a database without the driver's text, which may contain hosts, users and paths."""

import sqlite3

from sqlalchemy.exc import DBAPIError

from captiond.archive.sql.connections import error_code

# MariaDB and MySQL: codes of the server (4 digits). SQLite: primary codes. PostgreSQL: SQLSTATE.
_PROBLEMS: dict[int | str, str] = {
    **dict.fromkeys((1044, 1142, 1143, "42501"), "no permission to write"),
    **dict.fromkeys((1290, 1792, 1836, "25006", sqlite3.SQLITE_READONLY), "read-only"),
    **dict.fromkeys((1021, 1026, 1114, "53100", sqlite3.SQLITE_FULL), "no space left on its disk"),
}
# Unknown column, unknown table.
_MISMATCHES = frozenset({1054, 1146, "42703", "42P01"})
_SQLITE_MISMATCHES = ("no such column", "no such table", "table images has no column")  # they have no code


def describe(error: DBAPIError) -> str | None:
    """Return the problem for clients; None if the server did not answer, which is an outage."""
    if is_schema_mismatch(error):
        return "database: the schema does not match this version"
    code = error_code(error.orig)
    if isinstance(error.orig, sqlite3.Error) and isinstance(code, int):
        code &= 0xFF  # the primary code
    if code in _PROBLEMS:
        return f"database: {_PROBLEMS[code]}"
    return None if code is None or error.connection_invalidated else f"database: error {code}"


def is_schema_mismatch(error: DBAPIError) -> bool:
    """Return whether a table or a column is missing."""
    if isinstance(error.orig, sqlite3.Error):
        return str(error.orig).startswith(_SQLITE_MISMATCHES)
    return error_code(error.orig) in _MISMATCHES
