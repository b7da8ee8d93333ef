"""Creates empty databases, and drops them afterwards."""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from benchmarks.pipeline.servers import postgresql
from sqlalchemy import Engine, create_engine, make_url

KINDS = ("sqlite", "postgresql", "mariadb")
MARIADB = "mariadb+pymysql://root@127.0.0.1:3306/mysql"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `each_kind`."""
    parser.add_argument("--on", nargs="+", choices=KINDS, default=["sqlite", "postgresql"])
    parser.add_argument("--mariadb", default=MARIADB, help="URL of a user who may create databases")


def each_kind(options: argparse.Namespace) -> Iterator[tuple[str, Path, Callable[[], str]]]:
    """Yield each kind of database with a temporary folder and a function that returns the URL of a new database."""
    with tempfile.TemporaryDirectory(prefix="captiond-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        for kind in options.on:
            with _open_databases(kind, folder, options.mariadb) as new_url:
                yield kind, folder, new_url


@contextmanager
def _open_databases(kind: str, folder: Path, mariadb: str) -> Iterator[Callable[[], str]]:
    """Yield a function that returns the URL of a new, empty database."""
    if kind == "sqlite":
        yield lambda: f"sqlite:///{folder}/{uuid4().hex}.db"
    elif kind == "postgresql":
        with postgresql(folder / "sql") as (port, _):
            url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
            with _made_on(create_engine(url, isolation_level="AUTOCOMMIT"), "DROP DATABASE {} WITH (FORCE)") as made:
                yield made
    else:
        with _made_on(create_engine(make_url(mariadb)), "DROP DATABASE {}") as made:
            yield made


@contextmanager
def _made_on(server: Engine, drop: str) -> Iterator[Callable[[], str]]:
    names: list[str] = []

    def make() -> str:
        names.append(f"captiond_bench_{uuid4().hex}")
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {names[-1]}")
        return server.url.set(database=names[-1]).render_as_string(hide_password=False)

    try:
        yield make
    finally:
        with server.connect() as connection:
            for name in names:
                connection.exec_driver_sql(drop.format(name))
