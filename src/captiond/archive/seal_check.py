"""Compares seals with each other and with the rows, without changing either."""

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from rfc3161_client import decode_timestamp_response
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from captiond.archive.findings import Finding, FindingKind
from captiond.archive.records import StoredImage, Tombstone
from captiond.archive.seals import (
    NO_PREVIOUS,
    SEAL_KIND,
    Leaf,
    RecordKind,
    Seal,
    StoredSeal,
    write_deletion_record,
    write_image_record,
)
from captiond.archive.sql.all_rows import UnreadableRow, read_rows
from captiond.archive.sql.deletions import find_tombstones
from captiond.archive.sql.seals import (
    find_last_sealed_number,
    find_unsealed_images,
    read_leaves,
    read_seals,
)
from captiond.evidence import InvalidSignature, SigningKeys, hash_leaf, merkle_root, verify_compact

# A row is committed within seconds after its `stored_at`, by a clock that may differ from that of the sealer.
GRACE = timedelta(hours=1)
_SEALS_PER_QUERY = 100
_ROWS_PER_QUERY = 500


def verify_seals(engine: Engine, keys: SigningKeys) -> Iterator[Finding]:
    """Yield every discrepancy. Signatures are verified if there are keys."""
    chain = _Chain(keys)
    for stored in _read_all_seals(engine):
        yield from chain.check_gap(stored.number)
        seal = yield from chain.check(stored)
        leaves, problem = _read_leaves(engine, stored.number)
        if seal and (problem or not _matches(seal, leaves)):
            yield Finding(FindingKind.ALTERED_SEAL, str(stored.number), problem or "its records have another root")
        yield from _check_rows(engine, leaves, chain.complete_at)
        yield from _check_deletions(engine, leaves)
        chain.advance(stored, seal)
    with engine.connect() as connection:
        last_number = find_last_sealed_number(connection)
    yield from chain.check_gap(last_number + 1)
    yield from chain.check_signed_end()
    if chain.complete_at:
        yield from _find_unsealed(engine, chain.complete_at)


class _Chain:
    """What the seals so far require of the next one."""

    def __init__(self, keys: SigningKeys) -> None:
        self.complete_at: datetime | None = None
        self._keys = keys
        self._number = 0
        self._previous = NO_PREVIOUS
        self._is_signed = False

    def check_gap(self, number: int) -> Iterator[Finding]:
        """Yield the seals that are missing before this number."""
        for missing in range(self._number + 1, number):
            yield Finding(FindingKind.MISSING_SEAL, str(missing))

    def check(self, stored: StoredSeal) -> Generator[Finding, None, Seal | None]:
        """Yield what is wrong with a seal by itself, and as the successor of the last one. Returns its statement."""
        name = str(stored.number)
        try:
            seal = stored.seal
        except ValueError as error:
            yield Finding(FindingKind.ALTERED_SEAL, name, str(error))
            return None
        if seal.number != stored.number:
            yield Finding(FindingKind.ALTERED_SEAL, name, f"it states the number {seal.number}")
        if self._number == stored.number - 1 and seal.previous != self._previous:
            yield Finding(FindingKind.ALTERED_SEAL, name, "it does not contain the hash of the seal before it")
        if problem := self._find_signature_problem(stored) or _find_time_stamp_problem(stored):
            yield Finding(FindingKind.ALTERED_SEAL, name, problem)
        return seal

    def advance(self, stored: StoredSeal, seal: Seal | None) -> None:
        self._number, self._previous = stored.number, stored.hash
        self._is_signed = stored.signature is not None
        if seal and seal.complete:
            self.complete_at = seal.sealed_at

    def check_signed_end(self) -> Iterator[Finding]:
        """With a signer, the newest seal has a signature, which covers all before it."""
        if self._keys.signer and self._number and not self._is_signed:
            detail = "it has no signature; if the signing key is new, run `captiond seal` once"
            yield Finding(FindingKind.ALTERED_SEAL, str(self._number), detail)

    def _find_signature_problem(self, stored: StoredSeal) -> str | None:
        if stored.signature is None:
            return "it has no signature, but the seal before it has one" if self._is_signed else None
        if not self._keys.public:
            return None
        try:
            payload = verify_compact(stored.signature, SEAL_KIND, self._keys.public)
        except InvalidSignature as error:
            return str(error)
        return None if payload == stored.statement.encode() else "its signature is that of another seal"


def _find_time_stamp_problem(stored: StoredSeal) -> str | None:
    """Compare a time stamp with the statement. Its own signature needs the certificate of the authority."""
    if stored.time_stamp is None:
        return None
    try:
        imprint = decode_timestamp_response(stored.time_stamp).tst_info.message_imprint.message
    except ValueError as error:
        return f"its time stamp cannot be decoded: {error}"
    return None if imprint == stored.hash else "its time stamp is that of another seal"


def _matches(seal: Seal, leaves: Sequence[Leaf]) -> bool:
    return len(leaves) == seal.size and merkle_root([leaf.hash for leaf in leaves]) == seal.root


def _read_all_seals(engine: Engine) -> Iterator[StoredSeal]:
    number = 0
    while True:
        with engine.connect() as connection:
            page = read_seals(connection, number, _SEALS_PER_QUERY)
        yield from page
        if not page:
            return
        number = page[-1].number


def _read_leaves(engine: Engine, number: int) -> tuple[list[Leaf], str | None]:
    """Return the records of a seal, or the problem of their list."""
    try:
        with engine.connect() as connection:
            found = read_leaves(connection, number)
    except ValueError as error:
        return [], f"a record is unreadable: {error}"
    if [index for index, _ in found] != list(range(len(found))):
        return [leaf for _, leaf in found], "a record is missing"
    return [leaf for _, leaf in found], None


def _check_rows(engine: Engine, leaves: Sequence[Leaf], complete_at: datetime | None) -> Iterator[Finding]:
    """Compare the images of a seal with their rows; `complete_at` is the time of the last complete seal before it."""
    images = [leaf for leaf in leaves if leaf.kind is RecordKind.IMAGE]
    for start in range(0, len(images), _ROWS_PER_QUERY):
        chunk = images[start : start + _ROWS_PER_QUERY]
        rows = read_rows(engine, [leaf.image_id for leaf in chunk])
        gone = [leaf.image_id for leaf in chunk if leaf.image_id not in rows]
        deleted = _read_tombstones(engine, gone)  # explain missing rows, also before they are sealed
        for leaf in chunk:
            row = rows.get(leaf.image_id)
            if row is None and leaf.image_id not in deleted:
                yield Finding(FindingKind.DELETED_ROW, str(leaf.image_id))
            elif row is not None and not isinstance(row, UnreadableRow):
                yield from _compare(row, leaf, complete_at)


def _check_deletions(engine: Engine, leaves: Sequence[Leaf]) -> Iterator[Finding]:
    """Compare the deletions of a seal with their tombstones."""
    deletions = [leaf for leaf in leaves if leaf.kind is RecordKind.DELETION]
    for start in range(0, len(deletions), _ROWS_PER_QUERY):
        chunk = deletions[start : start + _ROWS_PER_QUERY]
        tombstones = _read_tombstones(engine, [leaf.image_id for leaf in chunk])
        for leaf in chunk:
            tombstone = tombstones.get(leaf.image_id)
            if tombstone is None:
                yield Finding(FindingKind.DELETED_ROW, str(leaf.image_id), "the tombstone of a deleted image")
            elif hash_leaf(write_deletion_record(tombstone)) != leaf.hash:
                yield Finding(
                    FindingKind.ALTERED_ROW, str(leaf.image_id), "its tombstone differs from the sealed record"
                )


def _read_tombstones(engine: Engine, ids: Sequence[UUID]) -> dict[UUID, Tombstone]:
    """Return the tombstones of at most 500 images by id."""
    with Session(engine) as session:
        return find_tombstones(session, ids) if ids else {}


def _compare(row: StoredImage, leaf: Leaf, complete_at: datetime | None) -> Iterator[Finding]:
    if hash_leaf(write_image_record(row)) != leaf.hash:
        yield Finding(FindingKind.ALTERED_ROW, str(row.id), "it differs from the sealed record")
    elif complete_at and row.stored_at < complete_at - GRACE:
        yield Finding(FindingKind.ADDED_ROW, str(row.id), "an earlier seal should contain it")


def _find_unsealed(engine: Engine, complete_at: datetime) -> Iterator[Finding]:
    after = None
    while True:
        with engine.connect() as connection:
            found = find_unsealed_images(connection, after, _ROWS_PER_QUERY, stored_before=complete_at - GRACE)
        for id_ in found:
            yield Finding(FindingKind.ADDED_ROW, str(id_), "no seal contains it")
        if not found:
            return
        after = found[-1]
