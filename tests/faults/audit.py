"""The oracle of all scenarios: every accepted image is stored exactly once and intact, or is a dead letter.

It reads files, rows, Redis keys, journal and logs directly where it can, not through the product.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import redis

from captiond.archive import Archive, PageQuery, StoredImage
from captiond.archive.files import MARKER
from captiond.pipeline import CAPTIONED, UPLOADS
from captiond.workqueue.streams.keys import Keys
from tests.faults import journal

KEYS = Keys()
QUEUES = (UPLOADS, CAPTIONED)
PAGE_ROWS = 500
NEWS = 10_000  # state changes that the product keeps
TRACEBACK = "Traceback (most recent call last):"
# Errors whose tracebacks an injected fault may cause; a bug is none of these.
EXPECTED_ERRORS = frozenset[str]()


class AuditFailed(AssertionError):
    """All problems that the audit found."""


@dataclass(frozen=True, slots=True)
class Case:
    """What to audit, and the expected results."""

    client: redis.Redis
    database_url: str
    folder: Path
    accepted: set[str]
    dead: set[str] = field(default_factory=set)
    errors: frozenset[str] = EXPECTED_ERRORS
    redriven: set[str] = field(default_factory=set)  # redriven dead letters
    leftovers: bool = True  # a killed writer may leave temporary files
    forgot: bool = False  # Redis lost its data on purpose


@dataclass(frozen=True, slots=True)
class Findings:
    """The counts of an audit that passed."""

    stored: int
    dead: int
    lost: int
    twice: int


def audit(case: Case) -> Findings:
    """Raise AuditFailed with every problem; return the counts when there is none."""
    images = list(_rows(case))
    stored = Counter(str(image.id) for image in images)
    dead = _dead_ids(case.client)
    lost = case.accepted - stored.keys() - set(dead)
    twice = {image_id for image_id, times in stored.items() if times > 1} | _forwarded_twice(case)
    problems = [
        *(_some("accepted and lost", lost)),
        *(_some("stored or forwarded more than once", twice)),
        *(_some("dead without a reason", set(dead) - case.dead)),
        *(_some("not dead, but should be", case.dead - set(dead))),
        *(_some("dead and stored", dead.keys() & stored.keys() - case.redriven)),
        *(_some("dead more than once", [image_id for image_id, times in dead.items() if times > 1])),
        *_check_files(case, images),
        *_check_queues(case.client),
        *_check_payloads(case.client, dead),
        *_check_logs(case),
    ]
    if problems:
        raise AuditFailed("; ".join(problems))
    return Findings(len(images), len(dead), len(lost), len(twice))


def _some(what: str, ids: Iterable[str]) -> Iterator[str]:
    found = sorted(ids)
    if found:
        yield f"{len(found)} {what}, like {found[0]}"


def _rows(case: Case) -> Iterator[StoredImage]:
    with Archive.open(case.database_url, case.folder / "images") as archive:
        query = PageQuery(limit=PAGE_ROWS)
        while page := archive.page(query):
            yield from page
            query = PageQuery(limit=PAGE_ROWS, before=query.cursor_after(page[-1]))


def _check_files(case: Case, images: Iterable[StoredImage]) -> Iterator[str]:
    root = case.folder / "images"
    expected = {path: sha256 for image in images for path, sha256 in image.checksums.items()}
    files = [file for file in root.rglob("*") if file.is_file() and file.name != MARKER]
    found = {file.relative_to(root).as_posix(): file for file in files}
    temporary = {path for path in found if path.endswith(".tmp")}
    yield from _some("rows without a file", expected.keys() - found.keys())
    yield from _some("files without a row", found.keys() - expected.keys() - temporary)
    yield from _some(
        "files that differ from their row",
        [p for p in expected.keys() & found.keys() if _sha256(found[p]) != expected[p]],
    )
    if not case.leftovers:
        yield from _some("temporary files left behind", temporary)


def _sha256(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


def _check_queues(client: redis.Redis) -> Iterator[str]:
    held = {
        name.decode(): int(value) for name, value in cast("Mapping[bytes, bytes]", client.hgetall(KEYS.bytes)).items()
    }
    for queue in QUEUES:
        stream, delayed, dead = KEYS.stream(queue), KEYS.delayed(queue), KEYS.dead_letters(queue)
        if left := client.xlen(stream):
            yield f"{left} messages left in queue {queue}"
        if left := client.zcard(delayed):
            yield f"{left} delayed messages in queue {queue}"
        if (counted := held.get(stream, 0)) != 0:
            yield f"{counted} bytes counted in the empty queue {queue}"
        if (counted := held.get(dead, 0)) != (bytes_dead := sum(_size(client, one) for one in _entries(client, dead))):
            yield f"{counted} bytes counted in the dead-letter queue of {queue}, which has {bytes_dead}"


def _entries(client: redis.Redis, key: str) -> list[Mapping[bytes, bytes]]:
    return [fields for _, fields in cast("list[tuple[bytes, Mapping[bytes, bytes]]]", client.xrange(key))]


def _size(client: redis.Redis, fields: Mapping[bytes, bytes]) -> int:
    about = sum(len(name) + len(value) for name, value in fields.items() if not name.startswith(b"dead_"))
    return about + client.strlen(KEYS.payload(fields[b"id"].decode()))


def _check_payloads(client: redis.Redis, dead: Iterable[str]) -> Iterator[str]:
    """When all queues are empty, only dead letters have payloads."""
    prefix = KEYS.payload("")
    kept = {key.decode().removeprefix(prefix) for key in client.scan_iter(f"{prefix}*")}
    yield from _some("payloads without a message", kept.difference(dead))
    yield from _some("dead letters without a payload", set(dead) - kept)


def _dead_ids(client: redis.Redis) -> Counter[str]:
    letters = [fields for queue in QUEUES for fields in _entries(client, KEYS.dead_letters(queue))]
    return Counter(fields[b"id"].decode() for fields in letters)


def _forwarded_twice(case: Case) -> set[str]:
    """Return ids with two entries in one queue, or with the same state change twice."""
    entries: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in journal.read(case.folder / "journal"):
        if line.what == "given" and line.id:
            entries[line.queue, line.id].add(line.entry)
    news = Counter(
        (image_id.decode(), state)
        for changes in _entries(case.client, KEYS.events)
        for image_id, state in changes.items()
        if state != b"queued"
    )
    twice = {image_id for (_, image_id), held in entries.items() if len(held) > 1}
    twice |= {image_id for (image_id, _), times in news.items() if times > 1}
    return set() if case.forgot else twice - case.redriven


def _check_logs(case: Case) -> Iterator[str]:
    raised = Counter(error for log in _logs(case.folder) for error in _errors_in(log))
    for error, times in raised.items():
        if error not in case.errors:
            yield f"{times} unexpected {error} in the logs"


def _logs(folder: Path) -> Iterator[Path]:
    yield from folder.glob("log/*.log")
    yield from folder.glob("*.output")


def _errors_in(log: Path) -> Iterator[str]:
    """Return the error class of each traceback, and of each link of a chain."""
    ending = False
    for line in log.read_text(errors="replace").splitlines():
        if line.strip().startswith(TRACEBACK):
            ending = True
        elif ending and (found := re.match(r"(\w[\w.]*)(: |$)", line)):
            ending = False
            yield found[1].rpartition(".")[2]
