"""Time limits of statements, on servers that answer slowly or not at all; bounded searches."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

from captiond.archive import Archive, ArchiveUnavailable, PageQuery, SearchBusy, SearchTimeout, migrate
from captiond.archive.sql.engine import WAL_BYTES, open_engine
from captiond.archive.sql.limits import MIGRATION_LIMITS, TimeLimits
from captiond.archive.sql.searches import RUNNING, WAITING, SearchSlots, translate_search_timeout
from tests.contract.archive.making import make_record
from tests.servers.chaos_proxy import ChaosProxy, NetworkFaults

SHORT = TimeLimits(connect_seconds=2, statement_seconds=1)
SLEEP = {
    "postgresql": "SELECT pg_sleep(20)",
    # SLEEP() and BENCHMARK() return early, without an error.
    "mariadb": "SELECT count(*) FROM information_schema.columns a, information_schema.columns b,"
    " information_schema.columns c",
}
SERVERS = pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)


@pytest.fixture
def proxy(database_url: str) -> Iterator[ChaosProxy]:
    url = make_url(database_url)
    assert url.host
    assert url.port
    proxy = ChaosProxy((url.host, url.port))
    with proxy.serving():
        yield proxy


def through(proxy: ChaosProxy, database_url: str) -> str:
    return make_url(database_url).set(port=proxy.port).render_as_string(hide_password=False)


@SERVERS
def test_server_cancels_a_statement_at_its_limit(database_url: str) -> None:
    engine = open_engine(database_url, SHORT)
    started = time.monotonic()

    with engine.connect() as connection, pytest.raises(Exception, match=r"statement timeout|max_statement_time"):
        connection.exec_driver_sql(SLEEP[engine.dialect.name])
    engine.dispose()

    assert 0.9 < time.monotonic() - started < SHORT.reply_seconds


def test_statement_on_sqlite_is_interrupted_at_its_limit(sqlite_url: str) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    engine = open_engine(sqlite_url, SHORT)
    started = time.monotonic()

    with engine.connect() as connection:
        with pytest.raises(SearchTimeout), translate_search_timeout():
            connection.exec_driver_sql(endless).scalar()
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()

    assert 0.9 < time.monotonic() - started < 10


@SERVERS
def test_limit_of_migrations_does_not_cut_an_index_build(database_url: str) -> None:
    engine = open_engine(database_url, MIGRATION_LIMITS)
    query = "SHOW statement_timeout" if engine.dialect.name == "postgresql" else "SELECT @@max_statement_time"

    with engine.connect() as connection:
        limit = connection.exec_driver_sql(query).scalar()
    engine.dispose()

    assert limit in {"1d", 86_400.0}


@SERVERS
def test_hung_server_makes_the_archive_unavailable_within_its_limits(
    database_url: str, images_dir: Path, proxy: ChaosProxy
) -> None:
    migrate(database_url)
    record = make_record()
    with Archive.open(through(proxy, database_url), images_dir, SHORT) as archive:
        [stored] = archive.store([record])
        proxy.network = NetworkFaults(silence=True)
        started = time.monotonic()

        with pytest.raises(ArchiveUnavailable):
            archive.find(record.image.id)

        seconds = time.monotonic() - started
        proxy.clear()
        assert archive.find(record.image.id) == stored
    assert seconds < SHORT.reply_seconds + SHORT.connect_seconds + 1  # the pooled connection, then a new one


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_detects_a_vanished_host_by_keepalives(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        parameters = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr] # it is connected
    engine.dispose()

    names = ("keepalives_idle", "keepalives_interval", "keepalives_count")
    assert [parameters[name] for name in names] == ["10", "5", "3"]


@SERVERS
def test_search_over_its_time_limit_is_cancelled(database_url: str, images_dir: Path) -> None:
    migrate(database_url)
    limits = TimeLimits(connect_seconds=2, statement_seconds=1)
    engine = open_engine(database_url)
    with Archive.open(database_url, images_dir, limits) as archive:
        archive.store([make_record()])
        with engine.begin() as connection:  # an exclusive lock makes every query slow
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("LOCK TABLE images")
            else:
                connection.exec_driver_sql("LOCK TABLES images WRITE")
            with pytest.raises(SearchTimeout):
                archive.page(PageQuery(limit=10, text="булок"))
        if engine.dialect.name == "mariadb":
            engine.dispose()
        assert len(archive.page(PageQuery(limit=10, text="булок"))) == 1
    engine.dispose()


def test_searches_beyond_the_bound_are_refused() -> None:
    slots, done, busy = SearchSlots(), threading.Event(), []
    taken = threading.Barrier(RUNNING + 1)

    def search() -> None:
        with slots.take():
            taken.wait()
            done.wait(10)

    def wait_in_vain() -> None:
        with pytest.raises(SearchBusy), slots.take():
            pytest.fail("it was admitted")
        busy.append(time.monotonic())

    with ThreadPoolExecutor(RUNNING + WAITING + 1) as pool:
        running = [pool.submit(search) for _ in range(RUNNING)]
        taken.wait(10)
        started = time.monotonic()
        waiting = [pool.submit(wait_in_vain) for _ in range(WAITING + 1)]
        for future in waiting:
            future.result(10)
        done.set()
        for future in running:
            future.result(10)

    assert busy[0] - started < 1  # one more than may wait
    assert busy[1] - started > 1
    with slots.take():
        pass


def test_ping_does_not_wait_for_connections_of_the_pool(sqlite_url: str, images_dir: Path) -> None:
    migrate(sqlite_url)
    with Archive.open(sqlite_url, images_dir) as archive:
        engine = archive._engine  # noqa: SLF001 - its pool is to be exhausted
        connections = [engine.connect() for _ in range(15)]
        started = time.monotonic()

        archive.ping()

        assert time.monotonic() - started < 1
        for connection in connections:
            connection.close()


def test_write_ahead_log_shrinks_after_a_slow_reader(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as writer, engine.connect() as reader:
        writer.exec_driver_sql("CREATE TABLE blobs (content BLOB)")
        writer.commit()
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT count(*) FROM blobs").scalar()
        for _ in range(30):
            writer.exec_driver_sql("INSERT INTO blobs VALUES (randomblob(1000000))")
            writer.commit()
        log = Path(f"{make_url(sqlite_url).database}-wal")
        assert log.stat().st_size > WAL_BYTES
        reader.rollback()

        for _ in range(3):  # the first commit checkpoints, the next ones restart the log
            writer.exec_driver_sql("INSERT INTO blobs VALUES (randomblob(10))")
            writer.commit()

        assert log.stat().st_size <= WAL_BYTES
    engine.dispose()
