"""Search in descriptions: an index search and a scan return the same images in the same order."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import URL, Engine, NullPool, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from captiond.archive import Archive, PageQuery, Record, StoredImage, migrate
from captiond.archive.records import fold
from captiond.archive.schema import alembic_config
from captiond.archive.sql.engine import open_engine
from tests.contract.archive.making import MORNING, make_record

PIECES = (
    "Фаза",
    "фАЗ",
    "Ёж",
    "ёж",
    "еж",
    "й",
    "и\u0306",
    "Straße",
    "🚦",
    "👨‍👩‍👧",
    "100%",
    "a_b",
    "\\",
    '"',
    "'",
    "1",
    " ",
    "- ",
)
INDEXED = ("sqlite", "postgresql")


def make_records(count: int, random_: random.Random) -> list[Record]:
    """Three records share each time."""
    return [
        make_record("".join(random_.choices(PIECES, k=5)), received_at=MORNING + timedelta(seconds=number // 3))
        for number in range(count)
    ]


def expect(records: Sequence[Record], text: str) -> list[str]:
    found = [record for record in records if fold(text) in fold(record.image.description)]
    found.sort(key=lambda record: (record.image.received_at, record.image.id), reverse=True)
    return [record.image.description for record in found]


def all_pages(archive: Archive, text: str, limit: int) -> list[str]:
    found: list[StoredImage] = []
    query = PageQuery(limit=limit, text=text)
    while page := archive.page(query):
        found += page
        query = PageQuery(limit=limit, text=text, before=query.cursor_after(page[-1]))
    return [image.description for image in found]


@contextmanager
def plans_of(engine: Engine) -> Iterator[list[str]]:
    """The plan of each search."""
    plans: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def explain(
        _connection: object, cursor: DBAPICursor, statement: str, parameters: Sequence[object], *_: object
    ) -> None:
        if " LIKE " in statement or " MATCH " in statement:
            words = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
            cursor.execute(f"{words} {statement}", parameters)
            plans.append(str(cursor.fetchall()))

    yield plans
    event.remove(engine, "before_cursor_execute", explain)


def test_every_database_finds_what_python_finds(archive: Archive) -> None:
    random_ = random.Random(1)  # noqa: S311 - seeded, so that a failure can be repeated
    records = make_records(400, random_)
    archive.store(records)
    texts = {"".join(random_.choices(PIECES, k=3))[:length] for length in range(1, 7) for _ in range(8)}

    for text in texts:
        for limit in (1000, 7, 2):
            assert all_pages(archive, text, limit) == expect(records, text), (text, limit)


@pytest.mark.parametrize(
    "text", ["аз", "фаза", "ФАЗА 🚦", "🚦🚦🚦", "ёжик", "%", "__", "a_b", "\\\\\\", "1%1", '"""', "' OR 1"]
)
def test_image_older_than_the_scanned_rows_is_found(archive: Archive, text: str) -> None:
    old = [make_record(f"<{text}>"), make_record("another", received_at=MORNING + timedelta(seconds=1))]
    later = MORNING + timedelta(hours=1)
    archive.store(old + [make_record("a-b", received_at=later + timedelta(seconds=number)) for number in range(120)])

    assert [image.description for image in archive.page(PageQuery(limit=1, text=text))] == [f"<{text}>"]
    assert archive.page(PageQuery(limit=1, text=text, until=MORNING)) == []
    assert archive.page(PageQuery(limit=1, text=text, since=later)) == []


def test_text_of_maximum_length_is_found(archive: Archive) -> None:
    description = "ﬃ" * 199 + "я"  # each folds to three letters
    archive.store([make_record(description), make_record("ﬃ" * 200)])

    assert all_pages(archive, description, 1) == [description]


def test_images_older_than_the_index_are_found(database_url: str, images_dir: Path) -> None:
    migrate(database_url)
    engine = open_engine(database_url)
    archive = Archive(engine, images_dir)
    records = [make_record(f"Фаза {number}", received_at=MORNING + timedelta(seconds=number)) for number in range(120)]
    archive.store(records[:100])
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0002")

    migrate(database_url)
    archive.store(records[100:])

    assert all_pages(archive, "ФАЗА 7", 1) == expect(records, "фаза 7")
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0002")
        # Of later revisions.
        texts = ("damage TEXT", "caption TEXT", "captured_at TIMESTAMP NULL", "camera TEXT", "labels TEXT")
        for column in (*texts, "held BOOLEAN DEFAULT FALSE NOT NULL"):
            connection.exec_driver_sql(f"ALTER TABLE images ADD COLUMN {column}")
    assert all_pages(archive, "ФАЗА 7", 1) == expect(records, "фаза 7")
    engine.dispose()


def test_image_stored_twice_is_found_once(archive: Archive) -> None:
    record = make_record("Фаза")

    archive.store([record])
    archive.store([record])

    assert all_pages(archive, "фаза", 1) == ["Фаза"]


@pytest.mark.parametrize("database_url", INDEXED, indirect=True)
def test_rare_text_is_found_by_the_index_and_frequent_text_by_a_scan(archive: Archive, engine: Engine) -> None:
    times = [MORNING + timedelta(seconds=number) for number in range(600)]
    archive.store([make_record("редкость" if at == MORNING else "обычное", received_at=at) for at in times])
    if engine.dialect.name == "postgresql":
        engine.dispose()
        event.listen(engine, "connect", disable_sequential_scans)

    with plans_of(engine) as rare:
        assert len(archive.page(PageQuery(limit=2, text="редк"))) == 1
    with plans_of(engine) as frequent:
        assert len(archive.page(PageQuery(limit=2, text="обыч"))) == 2

    assert len(rare) == 2
    assert "ix_images_description_folded" in rare[1] or "VIRTUAL TABLE INDEX" in rare[1]
    [plan] = frequent
    assert "ix_images_received_at_id" in plan


def disable_sequential_scans(connection: DBAPIConnection, _entry: object) -> None:
    """PostgreSQL would prefer one for a table this small."""
    cursor = connection.cursor()
    cursor.execute("SET enable_seqscan = off")
    cursor.close()
    connection.commit()


def test_search_sees_rows_that_another_program_changed(sqlite_archive: Archive, sqlite_url: str) -> None:
    sqlite_archive.store([make_record("первая"), make_record("вторая"), *(make_record("третья") for _ in range(100))])
    engine = create_engine(sqlite_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("DELETE FROM images WHERE description = 'первая'")
        connection.exec_driver_sql("UPDATE images SET description_folded = 'иначе' WHERE description = 'вторая'")
        connection.exec_driver_sql("VACUUM")
    engine.dispose()

    assert all_pages(sqlite_archive, "первая", 1) == []
    assert all_pages(sqlite_archive, "вторая", 1) == []
    assert all_pages(sqlite_archive, "иначе", 1) == ["вторая"]
    assert len(all_pages(sqlite_archive, "третья", 9)) == 100


def test_search_works_on_sqlite_without_trigrams(
    sqlite_url: str, images_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_engine(sqlite_url)

    @event.listens_for(engine, "connect")
    def forbid_virtual_tables(connection: DBAPIConnection, _entry: object) -> None:
        deny, allow, create_virtual_table = 1, 0, 29
        connection.set_authorizer(lambda action, *_: deny if action == create_virtual_table else allow)

    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "head")

    assert "searched without an index" in caplog.text
    assert_text_is_found(Archive(engine, images_dir))
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    engine.dispose()


def test_search_works_without_permission_to_create_extensions(
    postgresql_url: str, images_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    role = postgresql_url.rpartition("/")[2] + "_role"
    owner = create_engine(postgresql_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with owner.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role}")
        connection.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA public TO {role}")
    url = f"{postgresql_url}?options=-c%20role%3D{role}"
    try:
        migrate(url)
        with Archive.open(url, images_dir) as archive:
            assert_text_is_found(archive)
    finally:
        with owner.connect() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")

    assert 'searched without an index: permission denied to create extension "pg_trgm"' in caplog.text


def test_search_works_on_a_database_with_ascii_letters_only(
    postgresql_server: URL, images_dir: Path, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = postgresql_url.rpartition("/")[2] + "_c"
    server = create_engine(postgresql_server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    url = postgresql_server.set(database=name).render_as_string(hide_password=False)
    try:
        migrate(url)
        with Archive.open(url, images_dir) as archive:
            assert_text_is_found(archive)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")

    assert "searched without an index: the LC_CTYPE of this database supports ASCII letters only" in caplog.text


def assert_text_is_found(archive: Archive) -> None:
    records = [make_record(f"Фаза {number}", received_at=MORNING + timedelta(seconds=number)) for number in range(100)]
    archive.store(records)

    assert all_pages(archive, "ФАЗА 7", 1) == expect(records, "фаза 7")
