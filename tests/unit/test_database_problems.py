import sqlite3

import psycopg
import pymysql
import pytest
from sqlalchemy.exc import OperationalError

from captiond.archive.sql.problems import describe


def raised_by_sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("disk I/O error: /var/lib/captiond.db")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (psycopg.errors.DiskFull("could not extend file base/1/2"), "database: no space left on its disk"),
        (pymysql.err.OperationalError(1114, "The table 'images' is full"), "database: no space left on its disk"),
        (raised_by_sqlite(sqlite3.SQLITE_FULL), "database: no space left on its disk"),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"), "database: read-only"),
        (pymysql.err.OperationalError(1290, "--read-only"), "database: read-only"),
        (raised_by_sqlite(sqlite3.SQLITE_READONLY_DBMOVED), "database: read-only"),
        (psycopg.errors.InsufficientPrivilege("for table images"), "database: no permission to write"),
        (pymysql.err.OperationalError(1142, "INSERT denied to 'user'@'host'"), "database: no permission to write"),
        (psycopg.errors.UndefinedColumn("column images.x"), "database: the schema does not match this version"),
        (pymysql.err.ProgrammingError(1146, "no table"), "database: the schema does not match this version"),
        (psycopg.errors.QueryCanceled("statement timeout"), "database: error 57014"),
        (raised_by_sqlite(sqlite3.SQLITE_IOERR), "database: error 10"),
        (psycopg.OperationalError("connection to 10.0.0.5 failed"), None),
    ],
)
def test_problem_names_the_cause_without_the_driver_message(error: Exception, problem: str | None) -> None:
    assert describe(OperationalError("INSERT", None, error)) == problem


def test_lost_connection_is_not_a_write_problem() -> None:
    error = pymysql.err.OperationalError(2013, "Lost connection to 10.0.0.5")

    assert describe(OperationalError("INSERT", None, error, connection_invalidated=True)) is None
