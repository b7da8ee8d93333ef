import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import NullPool, create_engine, make_url

from captiond.archive import Archive, migrate
from captiond.pipeline import ARCHIVER, CAPTIONED
from captiond.services.archiver.handler import ArchiverService
from captiond.services.archiver.storage_check import run_storage_check
from captiond.workqueue import Message, Route
from captiond.workqueue.admin.problem_report import EXPIRES_AFTER_SECONDS
from captiond.workqueue.worker import DependencyUnavailable
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer


def change(database_url: str, *statements: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def ready(api: Api) -> tuple[int, str]:
    response = api.client.get("/health/ready")
    return response.status_code, response.json().get("detail", "")


@pytest.mark.parametrize(
    ("statement", "detail"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", "The database schema is outdated; run `captiond migrate`"),
        ("UPDATE alembic_version SET version_num = '9999'", "The database schema 9999 is unknown to this version"),
        ("DROP TABLE images", ("The database schema does not match this version;", "The archive is unavailable.")),
    ],
    ids=["older schema", "newer schema", "no table"],
)
def test_unusable_schema_fails_the_readiness_check(
    valkey: RedisServer, tmp_path: Path, database_url: str, statement: str, detail: str | tuple[str, ...]
) -> None:
    migrate(database_url)
    with open_api(Backends(valkey.url, tmp_path, database_url)) as api:
        wait_until(lambda: ready(api) == (200, ""))  # the first connection may take longer than a check
        change(database_url, statement)

        status, actual = ready(api)

    assert status == 503
    assert actual.startswith(detail)


def test_missing_column_of_an_unknown_schema_returns_503_that_names_the_schema(
    valkey: RedisServer, tmp_path: Path, database_url: str
) -> None:
    migrate(database_url)
    with open_api(Backends(valkey.url, tmp_path, database_url)) as api:
        [image] = api.archive(record(jpeg(), "x"))
        change(
            database_url, "UPDATE alembic_version SET version_num = '9999'", "ALTER TABLE images DROP COLUMN caption"
        )

        for path in (
            "",
            "?q=x",
            f"/{image.id}",
            f"/{image.id}/original",
            f"/{image.id}/metadata",
            f"/{image.id}/status",
        ):
            response = api.client.get(f"/api/images{path}")
            assert problem(response) == (503, "unavailable")
            assert response.json()["detail"].startswith("The database schema does not match this version;")
        assert ready(api)[1].startswith("The database schema 9999 is unknown to this version")
        assert api.send(jpeg(), "x").status_code == 202


def test_archiver_that_cannot_store_fails_the_readiness_check_until_it_can(own_api: Api, tmp_path: Path) -> None:
    own_api.send(jpeg(), "x")
    own_api.caption()
    messages = receive_captioned(own_api)
    service = ArchiverService(own_api.context.archive, own_api.broker.problem_report(ARCHIVER).report)

    with no_directory(tmp_path / "images"), pytest.raises(DependencyUnavailable):
        service.handle(messages)
    assert ready(own_api) == (503, "The archiver cannot store images: images directory: Not a directory.")
    assert metrics(own_api)["captiond_archiver_storing"] == 0

    service.handle(messages)
    assert ready(own_api) == (200, "")
    assert metrics(own_api)["captiond_archiver_storing"] == metrics(own_api)["captiond_archive_available"] == 1


def test_storage_check_of_the_archiver_reports_before_the_next_image(own_api: Api, tmp_path: Path) -> None:
    images, report = tmp_path / "other", own_api.broker.problem_report(ARCHIVER).report
    with (
        Archive.open(f"sqlite:///{tmp_path}/captiond.db", images) as archive,
        run_storage_check(archive.check_writable, report, interval_seconds=0.05),
    ):
        images.touch()  # no directory
        expected = (503, "The archiver cannot store images: images directory: no permission to write.")
        wait_until(lambda: ready(own_api) == expected)
        images.unlink()
        images.mkdir()
        wait_until(lambda: ready(own_api) == (200, ""))


@pytest.fixture
def restricted_url(database_url: str) -> Iterator[str]:
    """The URL of the database for a user with read-only privileges."""
    migrate(database_url)
    url = make_url(database_url).set(username=f"reader_{uuid4().hex[:8]}", password=None)
    if url.get_backend_name() == "postgresql":
        create, drop = (
            f"CREATE ROLE {url.username} LOGIN",
            [f"DROP OWNED BY {url.username}", f"DROP ROLE {url.username}"],
        )
        read = f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {url.username}"
    else:
        create, drop = f"CREATE USER {url.username}", [f"DROP USER {url.username}"]
        read = f"GRANT SELECT ON {url.database}.* TO {url.username}"
    change(database_url, create, read)
    yield url.render_as_string()
    change(database_url, *drop)


@pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
def test_archiver_without_the_insert_privilege_fails_the_readiness_check_until_the_grant(
    valkey: RedisServer, tmp_path: Path, database_url: str, restricted_url: str
) -> None:
    expected = (503, "The archiver cannot store images: database: no permission to write.")
    user, name = make_url(restricted_url).username, make_url(restricted_url).database
    where = "ALL TABLES IN SCHEMA public" if database_url.startswith("postgresql") else f"{name}.*"
    with open_api(Backends(valkey.url, tmp_path, database_url)) as api, archive_of(restricted_url, tmp_path) as archive:
        api.context.archive.prepare()
        api.send(jpeg(), "x")
        api.caption()
        messages = receive_captioned(api)
        service = ArchiverService(archive, api.broker.problem_report(ARCHIVER).report)

        with pytest.raises(DependencyUnavailable):
            service.handle(messages)
        assert ready(api) == expected
        change(database_url, f"GRANT INSERT, UPDATE ON {where} TO {user}")
        service.handle(messages)
        assert ready(api) == (200, "")

        change(database_url, f"REVOKE INSERT ON {where} FROM {user}")
        report = api.broker.problem_report(ARCHIVER).report
        # MariaDB applies privileges to new connections.
        with (
            archive_of(restricted_url, tmp_path) as restarted,
            run_storage_check(restarted.check_writable, report, 0.05),
        ):
            wait_until(lambda: ready(api) == expected)
            change(database_url, f"GRANT INSERT ON {where} TO {user}")
            wait_until(lambda: ready(api) == (200, ""))


def test_archiver_that_cannot_reach_its_database_fails_the_readiness_check(own_api: Api, tmp_path: Path) -> None:
    expected = (503, "The archiver cannot store images: database: unavailable.")
    report = own_api.broker.problem_report(ARCHIVER).report
    url = f"sqlite:///{tmp_path}/other.db"
    with archive_of(url, tmp_path / "other") as archive, run_storage_check(archive.check_writable, report, 0.05):
        wait_until(lambda: ready(own_api) == expected)
        migrate(url)
        wait_until(lambda: ready(own_api) == (200, ""))


def archive_of(url: str, folder: Path) -> AbstractContextManager[Archive]:
    return Archive.open(url, folder / "images")


def test_problem_of_an_archiver_that_ended_expires(own_api: Api, valkey: RedisServer) -> None:
    client = valkey.client()
    before = set(client.scan_iter("*:problem:archiver"))  # of other tests
    own_api.broker.problem_report(ARCHIVER).report("images directory: No space left on device")

    [key] = set(client.scan_iter("*:problem:archiver")) - before
    assert 0 < client.ttl(key) <= EXPIRES_AFTER_SECONDS


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.05)


@contextmanager
def no_directory(path: Path) -> Iterator[None]:
    """Replace a directory by a file."""
    hidden = path.with_name("hidden")
    path.rename(hidden)
    path.touch()
    yield
    path.unlink()
    hidden.rename(path)


def receive_captioned(api: Api) -> list[Message]:
    consumer = api.broker.consumer("test", Route(CAPTIONED))
    consumer.create_group()
    return [delivery.decode() for delivery in consumer.receive(1, wait_seconds=5)]


def metrics(api: Api) -> dict[str, float]:
    families = text_string_to_metric_families(api.client.get("/metrics").text)
    return {sample.name: sample.value for family in families for sample in family.samples}
