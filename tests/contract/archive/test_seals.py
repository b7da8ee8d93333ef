"""Seals on every database, and each kind of tampering."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, delete, insert, select, update

from captiond.archive import Actor, Archive, PageQuery, Record, RecordAltered, StoredImage, migrate
from captiond.archive.findings import FindingKind
from captiond.archive.seals import SEALED_FIELDS
from captiond.archive.sql.lifecycle_tables import TOMBSTONES
from captiond.archive.sql.rows import IMAGES
from captiond.archive.sql.seals import RECORDS, SEALS
from captiond.evidence import SigningKeys, create_signing_key, hash_leaf, root_of_path
from captiond.image import Labels
from tests.contract.archive.making import make_record, replace_image

# None: a field that may change after an image was stored belongs here.
NOT_SEALED = {"held"}  # may change at any time
OPERATOR = Actor("operator", "on request")


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    create_signing_key(tmp_path / "signing-keys.json")
    return SigningKeys.read(tmp_path / "signing-keys.json")


def find_all(archive: Archive, keys: SigningKeys) -> list[str]:
    return [str(finding) for finding in archive.seals.verify(keys)]


def execute(archive: Archive, statement: object) -> None:
    with archive._engine.begin() as connection:  # noqa: SLF001 - tampering bypasses the archive
        connection.execute(statement)  # type: ignore[call-overload] # any statement


def store(archive: Archive, count: int) -> list[Record]:
    records = [make_record() for _ in range(count)]
    archive.store(records)
    return records


def with_fields() -> Record:
    return replace_image(
        make_record(),
        captured_at=datetime(2026, 3, 1, 6, 0, 0, 1, tzinfo=UTC),
        camera="Въезд",
        labels=Labels({"speed": "83", "plate": "А123ВС"}),
        caption="\n",
        reencode_reason="more than one scan",
        damage=None,
    )


def test_every_field_of_an_image_is_sealed() -> None:
    assert {field.name for field in fields(StoredImage)} - NOT_SEALED == set(SEALED_FIELDS)


def test_all_images_are_sealed_once_in_chained_signed_seals(archive: Archive, keys: SigningKeys) -> None:
    assert archive.seals.seal(keys.signer) == []
    records = [*store(archive, 6), with_fields()]
    archive.store(records[6:])

    made = archive.seals.seal(keys.signer, max_records=3)

    assert [(seal.number, seal.seal.size, seal.seal.complete) for seal in made] == [
        (1, 3, False),
        (2, 3, False),
        (3, 1, True),
    ]
    assert [seal.seal.previous for seal in made] == [bytes(32), made[0].hash, made[1].hash]
    assert archive.seals.page(0, 10) == made
    assert archive.seals.page(2, 10) == [archive.seals.last()] == made[2:]
    assert archive.seals.seal(keys.signer) == []
    assert find_all(archive, keys) == []
    [later] = store(archive, 1)
    assert archive.seals.prove(archive.find_many([later.image.id])[later.image.id]) is None
    [fourth] = archive.seals.seal(keys.signer)
    assert (fourth.number, fourth.seal.size, fourth.seal.previous) == (4, 1, made[2].hash)
    assert find_all(archive, keys) == []


def test_proof_leads_to_the_root_of_its_seal(archive: Archive, keys: SigningKeys) -> None:
    records = [*store(archive, 4), with_fields()]
    archive.store(records[4:])
    archive.seals.seal(keys.signer)

    for record in records:
        image = archive.find(record.image.id)
        assert image
        proof = archive.seals.prove(image)
        assert proof
        seal = proof.seal.seal
        leaf = hash_leaf(proof.record.encode())
        assert root_of_path(leaf, proof.leaf_index, seal.size, proof.audit_path) == seal.root
        assert f'"sha256":"{record.sha256.hex()}"' in proof.record


def test_concurrent_sealers_seal_every_image_once(archive: Archive, keys: SigningKeys) -> None:
    store(archive, 40)

    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(archive.seals.seal, keys.signer, 5) for _ in range(4)]
        made = [seal for call in calls for seal in call.result()]
    made += archive.seals.seal(keys.signer, 5)

    assert sorted(seal.number for seal in made) == list(range(1, len(made) + 1))
    assert sum(seal.seal.size for seal in made) == 40
    assert find_all(archive, keys) == []


def test_sealer_that_is_killed_between_seals_is_continued(sqlite_archive: Archive, keys: SigningKeys) -> None:
    store(sqlite_archive, 3)
    sqlite_archive.seals.seal(keys.signer, max_records=2)
    execute(sqlite_archive, delete(SEALS).where(SEALS.c.number == 2))
    execute(sqlite_archive, delete(RECORDS).where(RECORDS.c.seal_number == 2))
    assert find_all(sqlite_archive, keys) == []

    [second] = sqlite_archive.seals.seal(keys.signer)

    assert (second.number, second.seal.size, second.seal.complete) == (2, 1, True)
    assert find_all(sqlite_archive, keys) == []


def test_seals_without_signatures_get_a_signed_successor(sqlite_archive: Archive, keys: SigningKeys) -> None:
    store(sqlite_archive, 1)
    sqlite_archive.seals.seal(None)
    assert find_all(sqlite_archive, SigningKeys(())) == []
    assert find_all(sqlite_archive, keys) == [
        "altered seal: 1 (it has no signature; if the signing key is new, run `captiond seal` once)"
    ]

    [signed] = sqlite_archive.seals.seal(keys.signer)

    assert (signed.number, signed.seal.size) == (2, 0)
    assert find_all(sqlite_archive, keys) == []


def test_deletions_are_sealed_and_explain_missing_rows(archive: Archive, keys: SigningKeys) -> None:
    removed, deleted, never_sealed = (record.image.id for record in store(archive, 3))
    archive.lifecycle.delete([never_sealed], OPERATOR)
    archive.seals.seal(keys.signer)
    archive.lifecycle.delete([deleted], OPERATOR)
    assert find_all(archive, keys) == []
    execute(archive, delete(IMAGES).where(IMAGES.c.id == removed))
    assert find_all(archive, keys) == [f"deleted row: {removed}"]

    [second] = archive.seals.seal(keys.signer)

    assert second.seal.size == 1
    assert archive.seals.seal(keys.signer) == []
    assert find_all(archive, keys) == [f"deleted row: {removed}"]


def test_deletions_are_split_among_seals(archive: Archive, keys: SigningKeys) -> None:
    images = [record.image.id for record in store(archive, 7)]
    archive.lifecycle.delete(images[:5], OPERATOR)

    made = archive.seals.seal(keys.signer, max_records=3)

    assert [(seal.seal.size, seal.seal.complete) for seal in made] == [(3, False), (3, False), (1, True)]
    assert find_all(archive, keys) == []


def test_altered_and_removed_tombstones_are_found(archive: Archive, keys: SigningKeys) -> None:
    altered, removed = (record.image.id for record in store(archive, 2))
    archive.lifecycle.delete([altered, removed], OPERATOR)
    archive.seals.seal(keys.signer)

    execute(archive, update(TOMBSTONES).where(TOMBSTONES.c.id == altered).values(deleted_by="someone else"))
    execute(archive, delete(TOMBSTONES).where(TOMBSTONES.c.id == removed))

    assert sorted(find_all(archive, keys)) == [
        f"altered row: {altered} (its tombstone differs from the sealed record)",
        f"deleted row: {removed} (the tombstone of a deleted image)",
    ]


@pytest.mark.parametrize("name", sorted({*SEALED_FIELDS} - {"id"}))
def test_every_altered_column_is_found(sqlite_archive: Archive, keys: SigningKeys, name: str) -> None:
    [record, _] = store(sqlite_archive, 2)
    sqlite_archive.seals.seal(keys.signer)
    values: dict[str, object] = dict.fromkeys(SEALED_FIELDS, "x")
    values |= dict.fromkeys(("received_at", "stored_at", "captured_at"), datetime(2020, 1, 1, tzinfo=UTC))
    values |= dict.fromkeys(("size_bytes", "width", "height"), 7)
    values |= dict.fromkeys(("sha256", "upload_sha256"), bytes(32))
    values |= {"has_original": True, "labels": Labels({"speed": "84"})}

    statement = update(IMAGES).where(IMAGES.c.id == record.image.id).values({IMAGES.c[name]: values[name]})
    execute(sqlite_archive, statement)

    assert find_all(sqlite_archive, keys) == [f"altered row: {record.image.id} (it differs from the sealed record)"]
    image = sqlite_archive.find(record.image.id)
    assert image
    with pytest.raises(RecordAltered):
        sqlite_archive.seals.prove(image)


def test_altered_kind_of_a_record_leaves_the_other_proofs_valid(archive: Archive, keys: SigningKeys) -> None:
    store(archive, 3)
    [seal] = archive.seals.seal(keys.signer)
    first, second, third = archive.page(PageQuery(limit=3))
    execute(archive, update(RECORDS).where(RECORDS.c.image_id == second.id).values(kind="x"))

    proofs = [archive.seals.prove(image) for image in (first, second, third)]

    assert proofs[1] is None
    for proof in (proofs[0], proofs[2]):
        assert proof
        leaf = hash_leaf(proof.record.encode())
        assert root_of_path(leaf, proof.leaf_index, 3, proof.audit_path) == seal.seal.root


def test_record_whose_hash_is_no_hash_is_altered(sealed: Archive, keys: SigningKeys) -> None:
    image = sealed.page(PageQuery(limit=1))[0]
    with sealed._engine.begin() as connection:  # noqa: SLF001 - tampering bypasses the archive
        connection.exec_driver_sql("UPDATE sealed_records SET leaf_hash = 'text'")

    with pytest.raises(RecordAltered):
        sealed.seals.prove(image)
    assert find_all(sealed, keys)[0].startswith("altered seal: 1 (a record is unreadable: ")


def test_swapped_rows_are_found(archive: Archive, keys: SigningKeys) -> None:
    records = [make_record(jpeg=jpeg) for jpeg in (b"one", b"two")]
    stored = archive.store(records)
    archive.seals.seal(keys.signer)

    for image, other in zip(stored, reversed(stored), strict=True):
        assert isinstance(image, StoredImage)
        assert isinstance(other, StoredImage)
        swapped = {"path": other.path, "sha256": other.sha256, "size_bytes": other.size_bytes}
        values = {IMAGES.c[name]: value for name, value in swapped.items()}
        execute(archive, update(IMAGES).where(IMAGES.c.id == image.id).values(values))

    assert {finding.kind for finding in archive.seals.verify(keys)} == {FindingKind.ALTERED_ROW}


@pytest.mark.parametrize("resealed", [False, True])
def test_added_row_is_found_also_after_the_next_seal(
    sqlite_archive: Archive, keys: SigningKeys, *, resealed: bool
) -> None:
    store(sqlite_archive, 1)
    sqlite_archive.seals.seal(keys.signer)
    [added] = store(sqlite_archive, 1)
    earlier = datetime.now(UTC) - timedelta(hours=2)
    execute(sqlite_archive, update(IMAGES).where(IMAGES.c.id == added.image.id).values(stored_at=earlier))
    if resealed:
        sqlite_archive.seals.seal(keys.signer)

    detail = "an earlier seal should contain it" if resealed else "no seal contains it"
    assert find_all(sqlite_archive, keys) == [f"added row: {added.image.id} ({detail})"]


def copy_row(archive: Archive, table: Table, number: int) -> dict[str, object]:
    with archive._engine.connect() as connection:  # noqa: SLF001 - tampering bypasses the archive
        return dict(connection.execute(select(table).where(table.c.number == number)).mappings().one())


@pytest.fixture
def sealed(sqlite_archive: Archive, keys: SigningKeys) -> Archive:
    """Three signed seals with two images each."""
    for _ in range(3):
        store(sqlite_archive, 2)
        sqlite_archive.seals.seal(keys.signer)
    assert find_all(sqlite_archive, keys) == []
    return sqlite_archive


def test_missing_seals_are_found(sealed: Archive, keys: SigningKeys) -> None:
    execute(sealed, delete(SEALS).where(SEALS.c.number == 2))
    assert "missing seal: 2" in find_all(sealed, keys)

    execute(sealed, delete(SEALS).where(SEALS.c.number == 3))
    assert find_all(sealed, keys) == ["missing seal: 2", "missing seal: 3"]


def test_replaced_seal_is_found(sealed: Archive, keys: SigningKeys) -> None:
    for column in ("statement", "signature"):
        value = copy_row(sealed, SEALS, 1)[column]
        execute(sealed, update(SEALS).where(SEALS.c.number == 2).values({column: value}))

    found = find_all(sealed, keys)

    assert "altered seal: 2 (it states the number 1)" in found
    assert "altered seal: 3 (it does not contain the hash of the seal before it)" in found


def test_added_seal_is_found(sealed: Archive, keys: SigningKeys) -> None:
    row = copy_row(sealed, SEALS, 3)
    execute(sealed, insert(SEALS).values({**row, "number": 4}))

    assert "altered seal: 4 (it states the number 3)" in find_all(sealed, keys)


def test_altered_statement_is_found(sealed: Archive, keys: SigningKeys) -> None:
    statement = str(copy_row(sealed, SEALS, 3)["statement"])
    for other, problem in (
        (statement.replace('"size":2', '"size":3'), "its signature is that of another seal"),
        (statement.replace(",", ", "), "the statement is not in canonical form"),
        ("{}", "no statement of a seal: KeyError('number')"),
        ("no JSON", "Expecting value: line 1 column 1 (char 0)"),
    ):
        execute(sealed, update(SEALS).where(SEALS.c.number == 3).values(statement=other))
        assert f"altered seal: 3 ({problem})" in find_all(sealed, keys)


def test_altered_and_removed_signatures_are_found(sealed: Archive, keys: SigningKeys, tmp_path: Path) -> None:
    create_signing_key(tmp_path / "other.json")
    stranger = SigningKeys.read(tmp_path / "other.json").signer
    assert stranger
    statement = str(copy_row(sealed, SEALS, 3)["statement"])
    execute(
        sealed,
        update(SEALS).where(SEALS.c.number == 3).values(signature=stranger.sign("captiond-seal", statement.encode())),
    )
    assert [finding.split(":")[0] for finding in find_all(sealed, keys)] == ["altered seal"]

    execute(sealed, update(SEALS).where(SEALS.c.number == 3).values(signature=None))
    assert "altered seal: 3 (it has no signature, but the seal before it has one)" in find_all(sealed, keys)


def test_altered_list_of_records_is_found(sealed: Archive, keys: SigningKeys) -> None:
    second = RECORDS.c.seal_number == 2
    execute(sealed, update(RECORDS).where(second, RECORDS.c.leaf_index == 1).values(leaf_hash=bytes(32)))
    assert "altered seal: 2 (its records have another root)" in find_all(sealed, keys)

    execute(sealed, delete(RECORDS).where(second, RECORDS.c.leaf_index == 0))
    assert "altered seal: 2 (a record is missing)" in find_all(sealed, keys)

    execute(sealed, update(RECORDS).where(second).values(kind="other"))
    assert "altered seal: 2 (a record is unreadable: 'other' is not a valid RecordKind)" in find_all(sealed, keys)


def test_time_stamp_of_another_seal_is_found(sealed: Archive, keys: SigningKeys) -> None:
    sealed.seals.add_time_stamp(3, b"no time stamp")

    [found] = find_all(sealed, keys)

    assert found.startswith("altered seal: 3 (its time stamp cannot be decoded: ")


def test_unreadable_row_does_not_stop_the_sealer(sqlite_archive: Archive, keys: SigningKeys) -> None:
    [damaged, _] = store(sqlite_archive, 2)
    execute(sqlite_archive, update(IMAGES).where(IMAGES.c.id == damaged.image.id).values(width=0))

    [seal] = sqlite_archive.seals.seal(keys.signer)

    assert seal.seal.size == 1


def test_database_of_an_earlier_version_is_sealed_after_its_upgrade(sqlite_url: str, images_dir: Path) -> None:
    migrate(sqlite_url)
    with Archive.open(sqlite_url, images_dir) as archive:
        store(archive, 2)
        execute(archive, update(IMAGES).values(stored_at=datetime(2020, 1, 1, tzinfo=UTC)))

        archive.seals.seal(None, max_records=1)

        assert find_all(archive, SigningKeys(())) == []
