"""Retention: against a model, within its rate, by several archivers, and after outages."""

import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from captiond.archive import Actor, Archive, PageQuery, Record, Tombstone, migrate
from captiond.archive.records import original_path
from captiond.operations.deletion import BATCH_IMAGES, ImageDeletion, Pruned
from captiond.operations.retention import RetentionPolicy, preview
from captiond.operations.retention_limits import Limits
from captiond.operations.retention_report import RetentionReport, find_retention_report, store_retention_report
from captiond.operations.thumbnail_cache import ThumbnailCache, thumbnail_key
from captiond.services.archiver.retention import RETENTION_SECONDS, Retention, RetentionRun, run_retention
from captiond.workqueue import Broker
from tests.e2e.product import wait_until
from tests.integration.api.serving import record
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer, running_valkey

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
ACTOR = Actor("model")


@pytest.fixture(scope="module")
def valkey() -> Iterator[RedisServer]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def broker(valkey: RedisServer) -> Iterator[Broker]:
    with Broker(valkey.url, prefix=f"test-{uuid4().hex}") as broker:
        yield broker


@pytest.fixture
def archive(sqlite_url: str, tmp_path: Path) -> Iterator[Archive]:
    migrate(sqlite_url)
    with open_archive(sqlite_url, tmp_path) as archive:
        yield archive


@contextmanager
def open_archive(database_url: str, folder: Path) -> Iterator[Archive]:
    images = folder / "images"
    images.mkdir(exist_ok=True)
    with Archive.open(database_url, images) as archive:
        yield archive


def make_deletion(archive: Archive, broker: Broker) -> ImageDeletion:
    return ImageDeletion(archive, broker.jobs, broker.monitor, ThumbnailCache(Path(), 0))


def aged(days: float, camera: str | None = None, size_bytes: int = 10) -> Record:
    made = record(uuid4().bytes[:4].ljust(size_bytes, b"."), "", NOW - days * DAY)
    return replace(made, image=replace(made.image, camera=camera))


def ids(archive: Archive) -> set[UUID]:
    return {image.id for image in archive.page(PageQuery(limit=1000))}


@dataclass(slots=True)
class Modelled:
    """An image of the model."""

    record: Record
    is_held: bool = False

    @property
    def camera(self) -> str | None:
        return self.record.image.camera

    @property
    def position(self) -> tuple[datetime, UUID]:
        return self.record.image.received_at, self.record.image.id

    @property
    def size_bytes(self) -> int:
        return len(self.record.jpeg) * (1 if self.record.original is None else 2)


class Model(dict[UUID, Modelled]):
    """The images that are archived, by id. Written without the queries of the archive."""

    def apply(self, limits: Limits, cameras: Mapping[str, Limits | None]) -> None:
        for image in self.free(None):
            if image.camera is not None and image.camera in cameras:
                own = cameras[image.camera]
                age = own and (own.age or limits.age)
            else:
                age = limits.age
            if age and image.record.image.received_at < NOW - age:
                del self[image.record.image.id]
        for camera, own in cameras.items():
            if own and own.max_bytes is not None:
                self.keep_newest(own.max_bytes, camera)
        if limits.max_bytes is not None:
            self.keep_newest(limits.max_bytes, None)

    def keep_newest(self, max_bytes: int, camera: str | None) -> None:
        has_room = True
        for image in sorted(self.free(camera), key=lambda each: each.position, reverse=True):
            max_bytes -= image.size_bytes
            has_room = has_room and max_bytes >= 0
            if not has_room:
                del self[image.record.image.id]

    def free(self, camera: str | None) -> list[Modelled]:
        return [image for image in self.values() if not image.is_held and camera in (None, image.camera)]


CAMERAS = st.sampled_from(["gate", "yard"])
AGES = st.none() | st.integers(1, 9).map(lambda days: days * DAY)
LIMITS = st.builds(Limits, AGES, st.none() | st.integers(1, 200))
PICK = st.integers(0, 1000)


class RetentionStates(RuleBasedStateMachine):
    """Stores, redeliveries, holds, deletions and retention in any order. Files are deleted now or later."""

    template: Path
    broker: Broker

    @initialize(images=st.lists(st.tuples(st.integers(0, 10), st.none() | CAMERAS), min_size=5, max_size=10))
    def open(self, images: list[tuple[int, str | None]]) -> None:
        self.opened = ExitStack()
        folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory()))
        shutil.copy(self.template, folder / "captiond.db")
        self.images_dir = folder / "images"
        self.archive = self.opened.enter_context(open_archive(f"sqlite:///{folder}/captiond.db", folder))
        self.deletion = make_deletion(self.archive, self.broker)
        self.model = Model()
        self.ever: list[Record] = []
        for days, camera in images:
            self.store(days, camera, 10, 1)

    def teardown(self) -> None:
        self.opened.close()

    @rule(
        days=st.integers(0, 10), camera=st.none() | CAMERAS, size_bytes=st.integers(4, 40), has_original=st.booleans()
    )
    def store(self, days: int, camera: str | None, size_bytes: int, has_original: bool) -> None:  # noqa: FBT001 - a strategy
        made = aged(days, camera, size_bytes)
        if has_original:
            upload = sha256(made.image.id.bytes).digest()
            made = replace(made, image=replace(made.image, upload_sha256=sha256(upload).digest()), original=upload)
        self.archive.store([made])
        self.model[made.image.id] = Modelled(made)
        self.ever.append(made)

    @rule(pick=PICK)
    def redeliver(self, pick: int) -> None:
        if self.ever:
            again = self.ever[pick % len(self.ever)]
            [outcome] = self.archive.store([again])
            assert isinstance(outcome, Tombstone) == (again.image.id not in self.model)

    @rule(pick=PICK)
    def hold(self, pick: int) -> None:
        if image_id := self.choose(pick):
            assert self.archive.lifecycle.hold(image_id, ACTOR)
            self.model[image_id].is_held = True

    @rule(pick=PICK)
    def release(self, pick: int) -> None:
        if image_id := self.choose(pick):
            assert self.archive.lifecycle.release(image_id)
            self.model[image_id].is_held = False

    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        if image_id := self.choose(pick):
            deleted = self.archive.lifecycle.delete([image_id], ACTOR)
            if self.model[image_id].is_held:
                assert deleted.held == {image_id}
            else:
                del self.model[image_id]

    @rule(limits=LIMITS, cameras=st.dictionaries(CAMERAS, st.none() | LIMITS), batch=st.integers(1, 5))
    def prune(self, limits: Limits, cameras: dict[str, Limits | None], batch: int) -> None:
        policy = RetentionPolicy(limits, cameras)
        before = ids(self.archive)
        listed = [image.id for image in preview(self.archive, policy.select(self.archive, NOW))]

        selections = policy.select(self.archive, NOW)
        pruned = Pruned()
        self.deletion.prune(selections, ACTOR, pruned, batch=batch)

        self.model.apply(limits, cameras)
        gone = before - ids(self.archive)
        assert pruned.images == len(gone)
        assert len(listed) == len(set(listed))
        assert set(listed) == gone

    @rule()
    def finish(self) -> None:
        self.deletion.finish()
        assert self.archive.lifecycle.pending() == []
        files = {path.relative_to(self.images_dir).as_posix() for path in self.images_dir.rglob("*.jpg")}
        expected = [image.record for image in self.model.values()]
        assert files == {path for each in expected for path in each.files}

    @invariant()
    def archive_equals_the_model(self) -> None:
        found = {image.id: image.held for image in self.archive.page(PageQuery(limit=1000))}
        assert found == {image_id: image.is_held for image_id, image in self.model.items()}
        assert {hold.image_id for hold in self.archive.lifecycle.holds()} == {id_ for id_ in found if found[id_]}

    @invariant()
    def every_deleted_image_has_a_tombstone(self) -> None:
        stored = {each.image.id for each in self.ever}
        assert self.archive.lifecycle.tombstones(stored).keys() == stored - self.model.keys()

    @invariant()
    def no_archived_image_lacks_a_file(self) -> None:
        for image in self.model.values():
            assert (self.images_dir / image.record.path).exists()
            assert image.record.original is None or (self.images_dir / original_path(image.record.path)).exists()

    def choose(self, pick: int) -> UUID | None:
        return sorted(self.model)[pick % len(self.model)] if self.model else None


def test_any_order_of_changes_agrees_with_the_model(broker: Broker, tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/template.db")

    class OnThisServer(RetentionStates):
        template = tmp_path / "template.db"

    OnThisServer.broker = broker
    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_preview_lists_what_is_deleted_by_sizes_of_a_camera_and_of_all(archive: Archive, broker: Broker) -> None:
    gate = [aged(9 + number, "gate") for number in range(9)]
    yard = [aged(1 + number, "yard") for number in range(8)]
    archive.store([*gate, *yard, aged(20)])
    policy = RetentionPolicy(Limits(15 * DAY, 70), {"yard": Limits(max_bytes=10)})

    listed = {image.id for image in preview(archive, policy.select(archive, NOW))}
    make_deletion(archive, broker).prune(policy.select(archive, NOW), ACTOR, Pruned())

    kept = {yard[0].image.id, *(each.image.id for each in gate[:6])}
    assert ids(archive) == kept
    assert len(listed) == 11
    assert listed.isdisjoint(kept)


class Pauses(threading.Event):
    """A signal to stop that records pauses instead of waiting, and is set after `limit` of them."""

    def __init__(self, limit: int = 1000) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._limit = limit

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        if len(self.seconds) == self._limit:
            self.set()
        return self.is_set()


def test_archiver_deletes_within_its_rate_and_reports(archive: Archive, broker: Broker) -> None:
    expired = [aged(40, camera) for camera in (None, "gate", "gate", None, "yard")]
    young, held = aged(20), aged(41)
    archive.store([*expired, young, held])
    archive.lifecycle.hold(held.image.id, ACTOR)
    reports: list[RetentionReport] = []
    pauses = Pauses()
    policy = RetentionPolicy(Limits(30 * DAY))
    run = RetentionRun(Retention(archive, make_deletion(archive, broker), policy, 2), reports.append, pauses)

    run.run()

    assert ids(archive) == {young.image.id, held.image.id}
    assert pauses.seconds == [1.0, 1.0, 0.5]
    assert [report.held for report in reports] == [1]
    assert archive.lifecycle.pending() == []
    tombstone = archive.lifecycle.tombstone(expired[0].image.id)
    assert tombstone
    assert tombstone.deleted_by == "retention"
    assert broker.monitor.totals([]).counted == {"deleted": 5, "deleted_bytes": 50}
    archive.store([aged(50)])
    run.run()
    assert len(ids(archive)) == 3  # the next time after ten minutes


def test_stop_ends_a_long_deletion(archive: Archive, broker: Broker) -> None:
    archive.store([aged(40) for _ in range(5)])
    reports: list[RetentionReport] = []
    policy = RetentionPolicy(Limits(30 * DAY))
    retention = Retention(archive, make_deletion(archive, broker), policy, 1)

    RetentionRun(retention, reports.append, Pauses(limit=2)).run()

    assert len(ids(archive)) == 3
    assert reports == []


def test_archiver_finishes_deletions_without_retention(archive: Archive, broker: Broker, tmp_path: Path) -> None:
    gone, kept = aged(4000), aged(4000)
    archive.store([gone, kept])
    retention = Retention(archive, make_deletion(archive, broker), RetentionPolicy(), 200)

    def store_report(report: RetentionReport) -> None:
        store_retention_report(broker.monitor, report)

    stop = threading.Event()
    with run_retention(retention, store_report, stop, interval_seconds=0.02):
        archive.lifecycle.delete([gone.image.id], ACTOR)
        wait_until(lambda: archive.lifecycle.pending() == [], 60, "the deletion is finished")

    assert [path.name for path in tmp_path.rglob("*.jpg")] == [f"{kept.image.id}.jpg"]
    report = find_retention_report(broker.monitor)
    assert report
    assert report.held == 0


def test_outage_of_redis_delays_the_deletion(
    archive: Archive, broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = aged(1)
    archive.store([gone])
    archive.lifecycle.delete([gone.image.id], ACTOR)
    with Broker(f"redis://127.0.0.1:{free_port()}/0") as unavailable:
        retention = Retention(archive, make_deletion(archive, unavailable), RetentionPolicy(), 200)
        run = RetentionRun(retention, lambda _: None, threading.Event())
        for _ in range(2):
            run.run()
        assert [message for message in caplog.messages if "retrying with backoff" in message] == caplog.messages
        assert len(caplog.messages) == 1
    assert len(archive.lifecycle.pending()) == 1

    assert make_deletion(archive, broker).finish() == {}

    assert list(tmp_path.rglob("*.jpg")) == []
    assert archive.lifecycle.pending() == []


def test_undeletable_files_stop_neither_deletion_nor_retention(
    archive: Archive, broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = sorted((aged(1) for _ in range(BATCH_IMAGES)), key=lambda each: each.image.id)
    gone, expired = aged(1), aged(40)
    archive.store([*stuck, gone, expired])
    with make_undeletable(tmp_path / "images", stuck):
        archive.lifecycle.delete([each.image.id for each in stuck], ACTOR)
        archive.lifecycle.delete([gone.image.id], ACTOR)
        reports: list[RetentionReport] = []
        retention = Retention(archive, make_deletion(archive, broker), RetentionPolicy(Limits(30 * DAY)), 200)
        seconds = [0.0]
        run = RetentionRun(retention, reports.append, Pauses(), lambda: seconds[-1])

        for _ in range(2):
            run.run()

        assert {each.image_id for each in archive.lifecycle.pending(1000)} == {each.image.id for each in stuck}
        assert not any((tmp_path / "images" / each.path).exists() for each in (gone, expired))
        assert ids(archive) == set()
        assert [report.undeleted for report in reports] == [BATCH_IMAGES]
        [problem] = [each for each in caplog.messages if "cannot delete the files" in each]
        assert f"count={BATCH_IMAGES}: " in problem
    seconds.append(RETENTION_SECONDS)
    run.run()
    assert archive.lifecycle.pending() == []
    assert [report.undeleted for report in reports] == [BATCH_IMAGES, 0]


def test_undeletable_files_are_tried_again_with_the_next_retention(
    archive: Archive, broker: Broker, tmp_path: Path
) -> None:
    stuck, gone = aged(1), aged(1)
    archive.store([stuck, gone])
    thumbnails = ThumbnailCache(tmp_path / "thumbnails", 1 << 20)
    key = thumbnail_key(sha256(stuck.jpeg).digest(), 1)
    seconds, reports = [0.0], list[RetentionReport]()
    deletion = ImageDeletion(archive, broker.jobs, broker.monitor, thumbnails)
    retention = Retention(archive, deletion, RetentionPolicy(), 200)
    run = RetentionRun(retention, reports.append, Pauses(), lambda: seconds[-1])
    with make_undeletable(tmp_path / "images", [stuck]):
        archive.lifecycle.delete([stuck.image.id], ACTOR)
        run.run()
        thumbnails.write(key, b"written after the first attempt")

    archive.lifecycle.delete([gone.image.id], ACTOR)
    seconds.append(RETENTION_SECONDS - 1)
    run.run()
    assert [each.image_id for each in archive.lifecycle.pending()] == [stuck.image.id]

    seconds.append(RETENTION_SECONDS)
    run.run()
    assert archive.lifecycle.pending() == []
    assert thumbnails.read(key) == b"written after the first attempt"
    assert [report.undeleted for report in reports] == [1, 0]


@contextmanager
def make_undeletable(images_dir: Path, records: Sequence[Record]) -> Iterator[None]:
    """Replace files by folders, which `unlink` refuses also to root."""
    for record_ in records:
        (images_dir / record_.path).unlink()
        (images_dir / record_.path).mkdir()
    yield
    for record_ in records:
        (images_dir / record_.path).rmdir()


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_several_archivers_delete_no_more_than_one(database_url: str, tmp_path: Path, broker: Broker) -> None:
    migrate(database_url)
    records = [aged(number / 10) for number in range(60)]
    with open_archive(database_url, tmp_path) as archive:
        archive.store(records)
    policy, start = RetentionPolicy(Limits(max_bytes=200)), threading.Barrier(3)

    def work() -> None:
        with open_archive(database_url, tmp_path) as own:
            retention = Retention(own, make_deletion(own, broker), policy, 7)
            run = RetentionRun(retention, lambda _: None, Pauses())
            start.wait()
            run.run()

    with ThreadPoolExecutor(3) as threads:
        for each in [threads.submit(work) for _ in range(3)]:
            each.result()

    with open_archive(database_url, tmp_path) as archive:
        assert ids(archive) == {each.image.id for each in records[:20]}
        assert archive.lifecycle.pending() == []
        assert list(archive.verify(grace_seconds=0)) == []
    assert broker.monitor.totals([]).counted["deleted"] == 40
