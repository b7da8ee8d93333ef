"""Scenarios 16 and 17: an unavailable database, and commits whose replies are lost."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine, make_url

from tests.faults.fork_server import ForkServer
from tests.faults.rig import Rig, opened_rig
from tests.faults.servers import IN_FULL
from tests.servers.chaos_proxy import ChaosProxy, NetworkFaults
from tests.servers.queues import RedisServer

# Uploads and seconds of the full tier and of the quick tier.
UPLOADS = 2_001 if IN_FULL else 60
OUTAGE_SECONDS = 60.0 if IN_FULL else 4.0
DRAINED_WITHIN_SECONDS = 60.0
LOST_COMMIT_REPLIES, COMMIT_UPLOADS = (50, 500) if IN_FULL else (3, 60)
# A role without superuser rights, because PostgreSQL reserves connections for superusers.
ROLE = "captiond_faults"


@pytest.fixture
def database(postgresql_url: str) -> URL:
    url = make_url(postgresql_url)
    run(url, f"DROP ROLE IF EXISTS {ROLE}_{url.database}")
    return url


@pytest.fixture
def proxy(database: URL) -> Iterator[ChaosProxy]:
    assert database.host
    assert database.port
    proxy = ChaosProxy((database.host, database.port))
    with proxy.serving():
        yield proxy


@pytest.fixture
def rig(
    tmp_path: Path, server: RedisServer, database: URL, fork_server: ForkServer, proxy: ChaosProxy
) -> Iterator[Rig]:
    """A rig that reaches its database through the proxy."""
    role = f"{ROLE}_{database.database}"
    run(database, f"CREATE ROLE {role} LOGIN")
    run(database, f"GRANT ALL ON DATABASE {database.database} TO {role}")
    run(database, f"GRANT ALL ON SCHEMA public TO {role}")
    url = database.set(host="127.0.0.1", port=proxy.port, username=role, password=None)
    try:
        with opened_rig(tmp_path, server, url.render_as_string(hide_password=False), fork_server) as rig:
            yield rig
    finally:
        proxy.cut_all()
        run(database, f"DROP OWNED BY {role}")
        run(database, f"DROP ROLE {role}")


def run(url: URL, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def silent(proxy: ChaosProxy, _: URL) -> Iterator[None]:
    """Connections stay open without answers, as under SIGSTOP."""
    proxy.network = NetworkFaults(silence=True)
    yield
    proxy.clear()


@contextmanager
def refusing(proxy: ChaosProxy, _: URL) -> Iterator[None]:
    proxy.network = NetworkFaults(refuse=True)
    proxy.cut_all()
    yield
    proxy.clear()


@contextmanager
def crowded(proxy: ChaosProxy, database: URL) -> Iterator[None]:
    """PostgreSQL refuses the connection with `too many connections`."""
    role = f"{ROLE}_{database.database}"
    run(database, f"ALTER ROLE {role} CONNECTION LIMIT 0")
    proxy.cut_all()
    yield
    run(database, f"ALTER ROLE {role} CONNECTION LIMIT -1")


OUTAGES: dict[str, Callable[[ChaosProxy, URL], AbstractContextManager[None]]] = {
    "silent": silent,
    "refusing": refusing,
    "crowded": crowded,
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", OUTAGES)
def test_database_outage_costs_no_delivery_attempt(rig: Rig, proxy: ChaosProxy, database: URL, how: str) -> None:
    rig.start_all()
    rig.load.send(UPLOADS // 3)

    with OUTAGES[how](proxy, database):
        rig.load.send(UPLOADS // 3)
        threading.Event().wait(OUTAGE_SECONDS)  # the duration of the outage is part of the scenario
        rig.faults += 1
    rig.mark_recovery_start()
    rig.load.send(UPLOADS // 3)

    result = rig.finish("16", f"database {how} for {OUTAGE_SECONDS:.0f} s", seconds=DRAINED_WITHIN_SECONDS)
    assert result.accepted == UPLOADS
    assert result.dead == 0
    assert {line.deliveries for line in rig.journal if line.what == "given"} == {1}


@pytest.mark.full
@pytest.mark.timeout(600)
def test_lost_reply_to_commit_creates_no_second_row(rig: Rig, proxy: ChaosProxy) -> None:
    rig.start_all()

    proxy.network = NetworkFaults(lose_replies_to=b"COMMIT", lose_at_most=LOST_COMMIT_REPLIES)
    with rig.load.sending(COMMIT_UPLOADS):
        rig.wait(lambda: proxy.network.lose_at_most <= 0, 120, "enough replies are lost")
    proxy.clear()
    rig.mark_recovery_start()
    rig.faults = proxy.faults

    result = rig.finish("17", "replies to commits lost")
    assert result.accepted == COMMIT_UPLOADS
    assert result.faults >= LOST_COMMIT_REPLIES
