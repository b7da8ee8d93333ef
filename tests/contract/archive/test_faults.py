"""Full disks, unavailable databases and killed processes, all of them real."""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, NullPool, create_engine

from captiond.archive import Archive, ArchiveUnavailable, PageQuery, Record, StoredImage, migrate
from captiond.archive.findings import FindingKind
from tests.contract.archive.making import files_below, make_record

REPOSITORY = Path(__file__).parents[3]
MEBIBYTE = 1 << 20

STORE = """
import sys
from pathlib import Path
from captiond.archive import Archive, ArchiveUnavailable
from tests.contract.archive.test_faults import make_batch

def store():
    with Archive.open(sys.argv[1], Path(sys.argv[2])) as archive:
        try:
            archive.store(make_batch())
            sys.audit("committed", "")
        except ArchiveUnavailable as error:
            print(error.reason)
"""
DIE_AT_STEP = """
import os, signal
event, ending, times = sys.argv[3], sys.argv[4], int(sys.argv[5])

def die(name, arguments):
    global times
    if name == event and str(arguments[0]).endswith(ending):
        times -= 1
        if times == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
"""


def make_batch() -> list[Record]:
    """The same records in every process."""
    return [make_record(id_=UUID(int=number), jpeg=b"%d" % number * 1000) for number in range(5)]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(("os.mkdir", "", "2"), id="creating folders"),
        pytest.param(("open", ".tmp", "3"), id="writing"),
        pytest.param(("os.rename", ".tmp", "1"), id="files synced, none published"),
        pytest.param(("os.rename", ".tmp", "3"), id="some published"),
        pytest.param(("open", "/0759", "1"), id="all published, folders not synced"),
        pytest.param(("committed", "", "1"), id="committed"),
    ],
)
def test_store_after_a_kill_at_any_step_leaves_one_file_and_one_row_per_image(
    archive: Archive, images_dir: Path, database_url: str, step: tuple[str, str, str]
) -> None:
    script = STORE + DIE_AT_STEP + "store()"
    died = subprocess.run([sys.executable, "-c", script, database_url, images_dir, *step], cwd=REPOSITORY, check=False)
    assert died.returncode == -signal.SIGKILL
    found = {finding.kind for finding in archive.verify(grace_seconds=0)}
    assert found <= {FindingKind.ORPHANED, FindingKind.LEFTOVER}

    outcomes = archive.store(make_batch())
    archive.clean_up(grace_seconds=0)

    assert [image.id.int for image in outcomes if isinstance(image, StoredImage)] == [*range(5)]
    assert list(archive.verify(grace_seconds=0)) == []
    assert len(archive.page(PageQuery(limit=100))) == len(files_below(images_dir)) == 5


@pytest.fixture
def small_disk(images_dir: Path) -> Iterator[Path]:
    """The images directory on a file system of 4 MiB."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", images_dir],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"not possible here: mount a tmpfs: {mounted.stderr.strip()}")
    yield images_dir
    subprocess.run(["umount", images_dir], check=True)


def test_full_disk_makes_the_archive_unavailable_and_leaves_no_files(small_disk: Path, sqlite_archive: Archive) -> None:
    records = [make_record(jpeg=bytes(MEBIBYTE // 4)) for _ in range(4)]
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 * MEBIBYTE - MEBIBYTE // 2))

    with pytest.raises(ArchiveUnavailable, match="No space left on device"):
        sqlite_archive.store(records)
    with pytest.raises(ArchiveUnavailable, match="images directory: less than 1048576 bytes free"):
        sqlite_archive.check_writable()

    assert list(files_below(small_disk)) == ["ballast"]
    assert sqlite_archive.page(PageQuery(limit=10)) == []
    ballast.unlink()
    sqlite_archive.check_writable()
    assert sqlite_archive.store(records) == [sqlite_archive.find(record.image.id) for record in records]


def test_disk_without_free_inodes_makes_the_archive_unavailable(small_disk: Path, sqlite_archive: Archive) -> None:
    subprocess.run(["mount", "-o", "remount,nr_inodes=8", small_disk], check=True)
    sqlite_archive.check_writable()
    while os.statvfs(small_disk).f_favail:
        (small_disk / f"{os.statvfs(small_disk).f_favail}").touch()

    with pytest.raises(ArchiveUnavailable, match="images directory: no free inodes on "):
        sqlite_archive.check_writable()
    with pytest.raises(ArchiveUnavailable, match="No space left on device"):
        sqlite_archive.store([make_record()])


def test_read_only_disk_makes_the_archive_unavailable_for_writing_only(
    small_disk: Path, sqlite_archive: Archive
) -> None:
    record = make_record()
    [stored] = sqlite_archive.store([record])
    assert isinstance(stored, StoredImage)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(ArchiveUnavailable, match="Read-only file system"):
        sqlite_archive.store([make_record()])
    with pytest.raises(ArchiveUnavailable, match="no permission to write"):
        sqlite_archive.check_writable()
    sqlite_archive.ping()
    assert sqlite_archive.find(record.image.id) == stored
    assert sqlite_archive.file(stored).read_bytes() == record.jpeg


def test_file_that_cannot_be_written_completely_is_deleted(sqlite_archive: Archive, images_dir: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, hard))
    try:
        with pytest.raises(ArchiveUnavailable, match="File too large"):
            sqlite_archive.store([make_record(), make_record(jpeg=bytes(2 * MEBIBYTE))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert files_below(images_dir) == {}
    assert sqlite_archive.page(PageQuery(limit=10)) == []


def test_missing_images_directory_is_not_created_again(sqlite_archive: Archive, images_dir: Path) -> None:
    images_dir.rmdir()

    with pytest.raises(ArchiveUnavailable, match=r"images directory: .*No such file"):
        sqlite_archive.store([make_record()])
    with pytest.raises(ArchiveUnavailable, match=r"images directory: .*No such file"):
        sqlite_archive.ping()

    assert not images_dir.exists()


def test_folders_deleted_under_a_running_archive_are_created_again(sqlite_archive: Archive, images_dir: Path) -> None:
    sqlite_archive.store([make_record()])
    shutil.rmtree(images_dir / "2026")
    record = make_record()

    sqlite_archive.store([record])

    assert files_below(images_dir) == {record.path: record.jpeg}


@pytest.fixture
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed")
    return found


def trace(strace: list[str], database_url: str, images_dir: Path) -> tuple[str, list[str]]:
    """Return the output of the storing process, and its system calls with the paths of descriptors."""
    log = images_dir.parent / "strace.log"
    command = [sys.executable, "-c", STORE + "store()", database_url, str(images_dir)]
    done = subprocess.run(
        [*strace, "-f", "-y", "-o", log, *command],
        cwd=REPOSITORY,
        # The injected errors would also hit the files of a coverage measurement.
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, log.read_text().splitlines()


def test_files_and_folders_are_synced_before_the_row_is_committed(
    strace: str, sqlite_url: str, images_dir: Path
) -> None:
    migrate(sqlite_url)

    output, calls = trace([strace, "-e", "trace=fsync,fdatasync,rename"], sqlite_url, images_dir)

    def lines(pattern: str) -> list[int]:
        return [number for number, call in enumerate(calls) if re.search(pattern, call)]

    assert output == ""
    synced = lines(r"fsync\(.*\.tmp>")
    renamed = lines(r"rename\(.*\.tmp")
    folders = [
        *lines(r"fsync\(.*/2026/03/01/0759>"),
        *lines(r"fsync\(.*/2026/03/01>"),
        *lines(r"fsync\(.*/2026/03>"),
        *lines(r"fsync\(.*/2026>"),
        *lines(rf"fsync\(.*{images_dir}>"),
    ]
    committed = lines(r"sync\(.*captiond\.db-wal>")
    assert (len(synced), len(renamed), len(folders)) == (5, 5, 5)
    assert max(synced) < min(renamed)
    assert max(renamed) < min(folders)
    assert max(folders) < max(committed)


def test_failed_fsync_is_not_retried_and_leaves_no_files(
    strace: str, sqlite_archive: Archive, sqlite_url: str, images_dir: Path
) -> None:
    output, calls = trace(
        [strace, "-e", "trace=fsync,rename", "-e", "inject=fsync:error=EIO:when=1"],
        sqlite_url,
        images_dir,
    )

    assert "Input/output error" in output
    synced = re.findall(r"fsync\(\d+<(.*\.tmp)>", "\n".join(calls))
    assert len(synced) == len(set(synced)) > 0
    assert not any("rename(" in call for call in calls)
    assert files_below(images_dir) == {}
    assert sqlite_archive.page(PageQuery(limit=10)) == []


@pytest.fixture
def refusing_port() -> int:
    """A port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


UNAVAILABLE = [
    "postgresql+psycopg://postgres@127.0.0.1:{}/captiond?connect_timeout=2",
    "mariadb+pymysql://root:s3cret@127.0.0.1:{}/captiond?connect_timeout=2&read_timeout=2",
]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("port", ["refusing_port", "silent_port"])
@pytest.mark.parametrize("url", UNAVAILABLE, ids=["postgresql", "mariadb"])
def test_unavailable_database_is_detected_before_a_file_is_written(
    url: str, port: str, images_dir: Path, request: pytest.FixtureRequest
) -> None:
    url = url.format(request.getfixturevalue(port))

    with Archive.open(url, images_dir) as archive:
        with pytest.raises(ArchiveUnavailable, match="the archive is unavailable: database: ") as e:
            archive.store([make_record()])
        with pytest.raises(ArchiveUnavailable):
            archive.ping()
    with pytest.raises(ArchiveUnavailable):
        migrate(url)

    assert list(images_dir.iterdir()) == []
    assert "\n" not in str(e.value)
    assert "s3cret" not in str(e.value)


CLOSE_OTHERS = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mariadb": "SELECT CONCAT('KILL ', id) FROM information_schema.processlist"
    " WHERE db = DATABASE() AND id <> CONNECTION_ID()",
}


@pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
def test_connections_closed_by_the_server_are_replaced(archive: Archive, database_url: str) -> None:
    archive.store([make_record()])
    other = create_engine(database_url, poolclass=NullPool)
    with other.connect() as connection:
        answers = connection.exec_driver_sql(CLOSE_OTHERS[other.dialect.name]).scalars().all()
        for kill in answers if other.dialect.name == "mariadb" else []:
            connection.exec_driver_sql(str(kill))
    record = make_record()

    [stored] = archive.store([record])

    assert answers
    assert stored == archive.find(record.image.id)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_connection_closed_within_the_transaction_leaves_no_files(
    archive: Archive, engine: Engine, images_dir: Path
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
        )
        connection.exec_driver_sql("CREATE TRIGGER cut BEFORE INSERT ON images FOR EACH ROW EXECUTE FUNCTION cut()")
    records = [make_record(), make_record()]

    with pytest.raises(ArchiveUnavailable, match=r"terminating connection|server closed"):
        archive.store(records)

    assert files_below(images_dir) == {}
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER cut ON images")
    assert archive.store(records) == [archive.find(record.image.id) for record in records]


def test_exhausted_connection_pool_makes_the_archive_unavailable(sqlite_url: str, images_dir: Path) -> None:
    migrate(sqlite_url)
    engine = create_engine(sqlite_url, pool_size=1, max_overflow=0, pool_timeout=0.1)

    with engine.connect(), pytest.raises(ArchiveUnavailable, match="every connection of the pool is in use"):
        Archive(engine, images_dir).store([make_record()])
    engine.dispose()


def test_long_transaction_of_another_writer_blocks_writing_but_not_reading(
    sqlite_archive: Archive, sqlite_url: str, images_dir: Path
) -> None:
    record = make_record()
    engine = create_engine(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with Archive.open(f"{sqlite_url}?timeout=0.1", images_dir) as archive:
            with pytest.raises(ArchiveUnavailable, match="database is locked"):
                archive.store([record])
            assert archive.find(record.image.id) is None
    engine.dispose()

    assert files_below(images_dir) == {}
    assert sqlite_archive.store([record]) == [sqlite_archive.find(record.image.id)]


def test_batch_that_exceeds_the_descriptors_is_stored_in_parts(sqlite_archive: Archive) -> None:
    records = [make_record() for _ in range(64)]
    sqlite_archive.store(records[:1])  # opens the database
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (20 + max(int(path.name) for path in Path("/proc/self/fd").iterdir()), hard)
    )
    try:
        stored = sqlite_archive.store(records)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert stored == [sqlite_archive.find(record.image.id) for record in records]
