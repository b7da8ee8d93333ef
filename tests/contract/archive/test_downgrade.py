"""Every migration is reverted and repeated on a database with rows in every table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy import table as sql_table

from captiond.archive import Archive, migrate
from captiond.archive.schema import alembic_config
from captiond.archive.sql.api_keys import API_KEYS
from captiond.archive.sql.engine import open_engine
from captiond.archive.sql.rows import ImageId, UtcDateTime
from tests.contract.archive.making import MORNING, make_record, replace_image

VALUES: Mapping[type, object] = {
    ImageId: uuid4(),
    UtcDateTime: MORNING,
    Boolean: True,
    Integer: 1,
    LargeBinary: bytes(32),
    String: "x",
}
Rows: TypeAlias = dict[str, list[dict[str, object]]]


@contextmanager
def connect(database_url: str) -> Iterator[Connection]:
    engine = open_engine(database_url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def fill(database_url: str, images_dir: Path) -> None:
    """Put rows into every table: images with all fields, and an invented row into each table without any."""
    with Archive.open(database_url, images_dir) as archive:
        archive.prepare()
        full = replace_image(make_record(), camera="gate", captured_at=MORNING, labels={"plate": "A 001"})
        archive.store([full, make_record()])
        archive.seals.seal(None)
    with connect(database_url) as connection:
        for table in API_KEYS.metadata.sorted_tables:
            if not connection.scalar(select(func.count()).select_from(table)):
                connection.execute(insert(table).values(invent_row(connection, table)))
            assert connection.scalar(select(func.count()).select_from(table)), table.name


def invent_row(connection: Connection, table: Table) -> dict[str, object]:
    return {column.name: invent(connection, column) for column in table.columns if column.computed is None}


def invent(connection: Connection, column: Column[object]) -> object:
    for key in column.foreign_keys:
        return connection.scalar(select(key.column).limit(1))
    return next(value for kind, value in VALUES.items() if isinstance(column.type, kind))


def read(connection: Connection) -> Rows:
    """All rows as the driver returns them, by table, in the order of the first column."""
    names = [
        name
        for name in inspect(connection).get_table_names()
        if not name.startswith(("alembic_version", "images_search", "images_numbered"))
    ]
    rows = {name: connection.execute(select(text("*")).select_from(sql_table(name))).mappings() for name in names}
    return {
        name: sorted(map(dict, found), key=lambda row: str(next(iter(row.values())))) for name, found in rows.items()
    }


def remaining(rows: Rows, schema: Rows) -> Rows:
    """The rows without the tables and columns that another schema lacks."""
    return {
        name: [{column: row[column] for column in row if column in found[0]} for row in rows[name]]
        for name, found in schema.items()
    }


def test_every_migration_can_be_reverted_and_repeated(database_url: str, images_dir: Path) -> None:
    migrate(database_url)
    fill(database_url, images_dir)
    with connect(database_url) as connection:
        newest = read(connection)
        revisions = [step.revision for step in ScriptDirectory.from_config(alembic_config(connection)).walk_revisions()]

    for newer, older in zip(revisions, [*revisions[1:], "base"], strict=True):
        with connect(database_url) as connection:
            before = read(connection)
            command.downgrade(alembic_config(connection), older)
            reverted = read(connection)
            command.upgrade(alembic_config(connection), newer)
            repeated = read(connection)
            command.downgrade(alembic_config(connection), older)
            again = read(connection)
        assert before.keys() == repeated.keys()
        if older != "base":
            assert remaining(before, reverted) == remaining(repeated, reverted) == reverted == again, newer

    migrate(database_url)
    with connect(database_url) as connection:
        upgraded = read(connection)
    assert upgraded.keys() == newest.keys()
