"""Seals new records, and returns seals and proofs. Several sealers may run at the same time."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from captiond.archive.errors import RecordAltered
from captiond.archive.findings import Finding
from captiond.archive.records import StoredImage
from captiond.archive.seal_check import verify_seals
from captiond.archive.seals import (
    NO_PREVIOUS,
    SEAL_KIND,
    Leaf,
    Proof,
    RecordKind,
    Seal,
    StoredSeal,
    write_deletion_record,
    write_image_record,
)
from captiond.archive.sql.all_rows import read_rows
from captiond.archive.sql.deletions import find_tombstones
from captiond.archive.sql.engine import translate_database_errors
from captiond.archive.sql.seals import (
    find_place,
    find_unsealed_deletions,
    find_unsealed_images,
    insert_seal,
    read_last_seal,
    read_leaf_hashes,
    read_seal,
    read_seals,
    store_time_stamp,
)
from captiond.evidence import MerkleTree, Signer, SigningKeys, hash_leaf, merkle_root

# Its transaction locks a SQLite database for some 50 ms.
MAX_RECORDS = 4096
_ROWS_PER_QUERY = 500
# Trees for proofs: 262 KB each. An export needs those of one page of images, which follow each other in time.
_MAX_TREES = 8

logger = logging.getLogger(__name__)


class SealStore:
    """The seals of a database. Every method raises ArchiveUnavailable while the database cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # The records of a seal never change. Without its tree, each proof would read and hash up to 4096 of them.
        self._tree_of = lru_cache(_MAX_TREES)(self._read_tree)

    def seal(self, signer: Signer | None, max_records: int = MAX_RECORDS) -> list[StoredSeal]:
        """Seal all records that no seal contains. Returns the new seals, none if there are no such records.

        A transaction per seal inserts the seal first: of two sealers, one takes the number, and the other stops. If
        there is a signer, and the newest seal has no signature, the result also has a signed seal.
        """
        made: list[StoredSeal] = []
        after_image: UUID | None = None
        after_deletion: UUID | None = None
        while True:
            with translate_database_errors(), self._engine.connect() as connection:
                last = read_last_seal(connection)
                # Rows commit in any order, so no time separates sealed from unsealed ones.
                images = find_unsealed_images(connection, after_image, max_records + 1)
                deletions = find_unsealed_deletions(connection, after_deletion, max_records + 1)
            complete = len(images) + len(deletions) <= max_records
            images = images[:max_records]
            deletions = deletions[: max_records - len(images)]
            leaves = [*self._make_leaves(images), *self._make_deletion_leaves(deletions)]
            if not leaves and not _needs_seal(last, signer):
                return made
            seal = _make_seal(last, leaves, signer, complete=complete)
            if not self._insert(seal, leaves):
                return made
            made.append(seal)
            if complete:
                return made
            after_image = images[-1] if images else after_image
            after_deletion = deletions[-1] if deletions else after_deletion

    def last(self) -> StoredSeal | None:
        """Return the newest seal."""
        with self._connect() as connection:
            return read_last_seal(connection)

    def page(self, after: int, limit: int) -> list[StoredSeal]:
        """Return the seals whose number is greater, in their order."""
        with self._connect() as connection:
            return read_seals(connection, after, limit)

    def add_time_stamp(self, number: int, time_stamp: bytes) -> None:
        """Store the time stamp of a seal, unless it has one."""
        with translate_database_errors(), self._engine.begin() as connection:
            store_time_stamp(connection, number, time_stamp)

    def find(self, image_id: UUID, kind: RecordKind = RecordKind.IMAGE) -> StoredSeal | None:
        """Return the seal that contains a record of an image. Does not compare the record."""
        with self._connect() as connection:
            place = find_place(connection, kind, image_id)
            return read_seal(connection, place[0]) if place else None

    def prove(self, image: StoredImage) -> Proof | None:
        """Return the proof that a seal contains the image; None if none does. Raises RecordAltered."""
        with self._connect() as connection:
            place = find_place(connection, RecordKind.IMAGE, image.id)
            if place is None:
                return None
            number, index = place
            seal = read_seal(connection, number)
        record = write_image_record(image)
        try:
            tree = self._tree_of(number)
        except ValueError as error:
            raise RecordAltered(image.id, number) from error
        if seal is None or tree.leaf(index) != hash_leaf(record):
            raise RecordAltered(image.id, number)
        return Proof(record.decode(), index, tuple(tree.audit_path(index)), seal)

    def verify(self, keys: SigningKeys) -> Iterator[Finding]:
        """Yield rows and seals that were altered, deleted or added. Without keys, signatures are not verified."""
        with translate_database_errors():
            yield from verify_seals(self._engine, keys)

    def _read_tree(self, number: int) -> MerkleTree:
        with self._connect() as connection:
            return MerkleTree(read_leaf_hashes(connection, number))

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with translate_database_errors(), self._engine.connect() as connection:
            yield connection

    def _make_leaves(self, ids: list[UUID]) -> list[Leaf]:
        leaves: list[Leaf] = []
        for start in range(0, len(ids), _ROWS_PER_QUERY):
            with translate_database_errors():
                rows = read_rows(self._engine, ids[start : start + _ROWS_PER_QUERY])
            # `verify` reports unreadable rows.
            images = sorted((row for row in rows.values() if isinstance(row, StoredImage)), key=lambda row: row.id)
            leaves += [Leaf(RecordKind.IMAGE, image.id, hash_leaf(write_image_record(image))) for image in images]
        return leaves

    def _make_deletion_leaves(self, ids: list[UUID]) -> list[Leaf]:
        leaves: list[Leaf] = []
        for start in range(0, len(ids), _ROWS_PER_QUERY):
            with translate_database_errors(), Session(self._engine) as session:
                found = find_tombstones(session, ids[start : start + _ROWS_PER_QUERY])
            leaves += [
                Leaf(RecordKind.DELETION, id_, hash_leaf(write_deletion_record(tombstone)))
                for id_, tombstone in sorted(found.items())
            ]
        return leaves

    def _insert(self, seal: StoredSeal, leaves: list[Leaf]) -> bool:
        """Return False if another sealer was faster."""
        try:
            with translate_database_errors(), self._engine.begin() as connection:
                insert_seal(connection, seal, leaves)
        except IntegrityError:
            logger.info("another process made seal number=%d", seal.number)
            return False
        logger.info("sealed number=%d records=%d hash=%s", seal.number, len(leaves), seal.hash.hex())
        return True


def _needs_seal(last: StoredSeal | None, signer: Signer | None) -> bool:
    """Whether the newest seal lacks a signature, or is followed by no complete one after a crash."""
    return last is not None and (
        (signer is not None and last.signature is None) or '"complete":false' in last.statement
    )


def _make_seal(last: StoredSeal | None, leaves: list[Leaf], signer: Signer | None, *, complete: bool) -> StoredSeal:
    seal = Seal(
        number=last.number + 1 if last else 1,
        previous=last.hash if last else NO_PREVIOUS,
        root=merkle_root([leaf.hash for leaf in leaves]),
        size=len(leaves),
        sealed_at=datetime.now(UTC),
        complete=complete,
    )
    statement = seal.statement
    return StoredSeal(seal.number, statement, signer.sign(SEAL_KIND, statement.encode()) if signer else None)
