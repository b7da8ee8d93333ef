"""PostgreSQL behind PgBouncer in transaction mode: each transaction may use a different server connection."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from captiond.archive import API_LIMITS, migrate
from captiond.archive.schema import migration_lock
from captiond.archive.sql.engine import open_engine
from captiond.archive.sql.limits import MIGRATION_LIMITS
from tests.e2e.product import VERIFIED, photo, place, running_pipeline, wait_until
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

SERVER_CONNECTIONS = 3
CONFIGURATION = """
[databases]
{database} = host={host} port={server_port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
"""


@pytest.fixture
def pgbouncer_url(postgresql_url: str) -> Iterator[str]:
    """The URL of an empty database behind a separate PgBouncer."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH')}:/usr/sbin")
    if program is None:
        pytest.skip("not installed: pgbouncer")
    server, port = make_url(postgresql_url), free_port()
    with tempfile.TemporaryDirectory(prefix="captiond-") as name:
        folder, user = Path(name), "nobody" if os.geteuid() == 0 else None  # PgBouncer does not run as root
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            CONFIGURATION.format(
                database=server.database,
                host=server.host,
                server_port=server.port or 5432,
                user=server.username,
                port=port,
                connections=SERVER_CONNECTIONS,
            )
        )
        if user:
            shutil.chown(folder, user)
        url = server.set(host="127.0.0.1", port=port)
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen([program, str(configuration)], user=user, stdout=log, stderr=log) as process,
        ):
            try:
                wait_until(lambda: answers(url), 20, "PgBouncer answers")
                yield url.render_as_string(hide_password=False)
            finally:
                process.terminate()


def answers(url: URL) -> bool:
    engine = create_engine(url)
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False
    finally:
        engine.dispose()


def test_pipeline_archives_through_pgbouncer(pgbouncer_url: str, own_redis_server: RedisServer, tmp_path: Path) -> None:
    with running_pipeline(place(tmp_path, own_redis_server.url, pgbouncer_url)) as pipeline:
        sent = [pipeline.send(photo(), f"{number}") for number in range(20)]
        for image_id in sent:
            pipeline.await_status(image_id, "stored")

        assert sorted(pipeline.listed()) == sorted(sent)
        assert pipeline.client.get("/api/images?q=1").status_code == 200
        assert pipeline.place.run("verify").stdout == VERIFIED
        assert pipeline.place.run("dead", "list").stdout == "no dead letters\n"


def test_no_statement_is_prepared_on_another_connection(pgbouncer_url: str) -> None:
    """psycopg prepares a statement that it has executed five times."""
    engine = open_engine(pgbouncer_url)

    def execute(number: int) -> int:
        with engine.connect() as connection:
            return sum(connection.scalars(text("SELECT CAST(:n AS integer)"), {"n": number}).one() for _ in range(10))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(execute, range(100))) == [10 * number for number in range(100)]
    engine.dispose()


def test_migration_has_its_own_time_limit(pgbouncer_url: str) -> None:
    """A limit that a client sets for its session would apply to later clients of the same server connection."""
    migrate(pgbouncer_url)
    migration, others = open_engine(pgbouncer_url, MIGRATION_LIMITS), open_engine(pgbouncer_url, API_LIMITS)
    with migration.connect():
        pass
    for _ in range(SERVER_CONNECTIONS + 1):
        with others.connect() as connection:
            connection.invalidate()

    with migration.begin() as connection, migration_lock(connection, 1):
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "1d"
    migration.dispose()
    others.dispose()
