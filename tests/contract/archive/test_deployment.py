"""The deployment id: one in database and images directory, so that neither is used with that of another deployment."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, delete, text

from captiond.archive import Archive, ArchiveUnavailable, WrongImagesDirectory, migrate
from captiond.archive.files import MARKER
from captiond.archive.schema import alembic_config
from captiond.archive.sql.engine import open_engine
from captiond.archive.sql.rows import DEPLOYMENT
from captiond.archive.sql.sqlite_file import create_database_file
from tests.contract.archive.making import make_record

UNMOUNTED = r"images directory: .* has no deployment marker, but the database has images; mount its disk"


@pytest.fixture
def other_dir(tmp_path: Path) -> Path:
    """The images directory of another deployment, which has the same kind of database."""
    url = f"sqlite:///{tmp_path}/other/captiond.db"
    migrate(url)
    with Archive.open(url, tmp_path / "other" / "images") as other:
        other.prepare()
    return tmp_path / "other" / "images"


def marker(folder: Path) -> str:
    return (folder / MARKER).read_text("utf-8").strip()


def unmount(images_dir: Path) -> Path:
    """Leave the empty mount point. Returns the directory that was mounted."""
    disk = images_dir.with_name("disk")
    images_dir.rename(disk)
    images_dir.mkdir()
    return disk


def mount(disk: Path, images_dir: Path) -> None:
    images_dir.rmdir()
    disk.rename(images_dir)


def test_first_start_marks_the_images_directory(archive: Archive, images_dir: Path) -> None:
    archive.prepare()

    assert marker(images_dir) == str(archive.deployment_id())
    archive.check_deployment()


def test_later_starts_change_nothing(archive: Archive, images_dir: Path, database_url: str) -> None:
    archive.prepare()
    before = (archive.deployment_id(), (images_dir / MARKER).stat().st_ino)

    migrate(database_url)
    archive.prepare()

    assert (archive.deployment_id(), (images_dir / MARKER).stat().st_ino) == before


def test_archive_of_an_earlier_version_gets_an_id(archive: Archive, engine: Engine, images_dir: Path) -> None:
    archive.store([make_record() for _ in range(3)])
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0004")
    assert not (images_dir / MARKER).exists()
    with pytest.raises(ArchiveUnavailable, match="run `captiond migrate`"):
        archive.prepare()

    migrate(engine.url.render_as_string(hide_password=False))
    archive.prepare()

    assert marker(images_dir) == str(archive.deployment_id())


def test_unmounted_disk_is_refused_at_the_start(archive: Archive, images_dir: Path) -> None:
    archive.prepare()
    archive.store([make_record()])
    disk = unmount(images_dir)

    for refused in (archive.prepare, archive.ping, archive.check_deployment):
        with pytest.raises(ArchiveUnavailable, match=UNMOUNTED):
            refused()

    assert list(images_dir.iterdir()) == []
    mount(disk, images_dir)
    archive.prepare()
    archive.ping()


def test_missing_directory_is_not_created_if_the_database_has_images(sqlite_archive: Archive, images_dir: Path) -> None:
    sqlite_archive.store([make_record()])
    shutil.rmtree(images_dir)

    with pytest.raises(ArchiveUnavailable, match="does not exist, but the database has images"):
        sqlite_archive.prepare()

    assert not images_dir.exists()


def test_disk_that_is_unmounted_while_the_archiver_runs_is_refused(sqlite_archive: Archive, images_dir: Path) -> None:
    sqlite_archive.prepare()
    sqlite_archive.store([make_record()])
    disk = unmount(images_dir)

    with pytest.raises(ArchiveUnavailable, match=UNMOUNTED):
        sqlite_archive.store([make_record()])

    assert list(images_dir.iterdir()) == []
    mount(disk, images_dir)
    assert len(sqlite_archive.store([make_record()])) == 1


def test_deleted_marker_is_written_again(sqlite_archive: Archive, images_dir: Path) -> None:
    sqlite_archive.prepare()
    sqlite_archive.store([make_record()])
    (images_dir / MARKER).unlink()

    sqlite_archive.store([make_record()])

    assert marker(images_dir) == str(sqlite_archive.deployment_id())


def test_images_of_another_deployment_are_refused(engine: Engine, other_dir: Path) -> None:
    archive = Archive(engine, other_dir)

    for refused in (archive.prepare, archive.ping, archive.check_deployment):
        with pytest.raises(WrongImagesDirectory, match="belongs to deployment") as raised:
            refused()
        assert marker(other_dir) in str(raised.value)
        assert str(archive.deployment_id()) in str(raised.value)


def test_directory_that_is_replaced_while_the_archiver_runs_is_refused(
    sqlite_archive: Archive, images_dir: Path, other_dir: Path
) -> None:
    sqlite_archive.prepare()
    shutil.rmtree(images_dir)
    other_dir.rename(images_dir)

    with pytest.raises(WrongImagesDirectory, match="belongs to deployment"):
        sqlite_archive.store([make_record()])


def test_images_of_another_deployment_can_be_adopted(engine: Engine, other_dir: Path) -> None:
    archive = Archive(engine, other_dir)

    archive.prepare(adopt=True)

    archive.prepare()
    assert marker(other_dir) == str(archive.deployment_id())


def test_concurrent_starts_agree(database_url: str, images_dir: Path) -> None:
    ids, barrier = set[str](), threading.Barrier(4)

    def start() -> None:
        barrier.wait()
        migrate(database_url)
        with Archive.open(database_url, images_dir) as archive:
            archive.prepare()
            ids.add(marker(images_dir))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ids) == 1
    assert [path.name for path in images_dir.iterdir()] == [MARKER]


def test_first_connections_to_a_new_file_wait_for_each_other(tmp_path: Path) -> None:
    def connect(number: int) -> None:
        engine = open_engine(f"sqlite:///{tmp_path}/{number // 6}.db")
        create_database_file(engine.url)
        with engine.connect() as connection:
            modes.append(connection.scalar(text("PRAGMA journal_mode")))
        engine.dispose()

    modes: list[str] = []
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(connect, range(6 * 60)))

    assert modes == ["wal"] * 360


def test_empty_marker_is_written_again(sqlite_archive: Archive, images_dir: Path) -> None:
    """As a crash may leave it on a file system without atomic renames."""
    (images_dir / MARKER).touch()

    sqlite_archive.prepare()

    assert marker(images_dir) == str(sqlite_archive.deployment_id())


def test_lost_id_of_the_database_is_replaced_by_the_next_migration(engine: Engine, database_url: str) -> None:
    with engine.begin() as connection:
        connection.execute(delete(DEPLOYMENT))

    migrate(database_url)

    opened = open_engine(database_url)
    with opened.connect() as connection:
        assert len(connection.execute(DEPLOYMENT.select()).all()) == 1
    opened.dispose()


def test_marker_is_no_finding(sqlite_archive: Archive, images_dir: Path) -> None:
    sqlite_archive.prepare()
    assert (images_dir / MARKER).exists()

    assert list(sqlite_archive.verify(grace_seconds=-1)) == []
