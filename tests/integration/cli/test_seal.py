"""`captiond signing-key`, `captiond seal`, and `captiond verify --receipt`."""

import json
import stat
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import delete, update

from captiond.archive import Archive
from captiond.archive.sql.rows import IMAGES
from captiond.evidence import ReceiptBasis, SigningKeys, sign_receipt
from captiond.image import ReceivedImage
from tests.contract.archive.making import make_record
from tests.e2e.product import VERIFIED, Place


@pytest.fixture
def signing(migrated: Place) -> Place:
    """A database with the schema, and a signing key."""
    place = migrated.but(signing_keys=str(migrated.folder / "signing-keys.json"))
    done = place.run("signing-key", "create")
    assert (done.status, done.stdout[:24]) == (0, "created the signing key "), done.stderr
    return place


def keys_of(place: Place) -> SigningKeys:
    return SigningKeys.read(Path(place.settings["signing_keys"]))


def write_receipt(place: Place, content: bytes) -> Path:
    image = ReceivedImage(
        id=uuid4(), received_at=datetime.now(UTC), description="gate", upload_sha256=sha256(content).digest()
    )
    signer = keys_of(place).signer
    assert signer
    receipt = sign_receipt(signer, image, image.received_at, ReceiptBasis.UPLOAD)
    path = place.folder / "response.json"
    path.write_text(json.dumps({"id": str(image.id), "receipt": receipt}))
    return path


def test_new_signing_key_replaces_the_old_one(signing: Place) -> None:
    [old] = keys_of(signing).jwks()["keys"]

    assert signing.run("signing-key", "create").status == 0

    assert keys_of(signing).jwks()["keys"][1] == old
    assert stat.S_IMODE(Path(signing.settings["signing_keys"]).stat().st_mode) == 0o600


def test_signing_key_needs_a_path(migrated: Place) -> None:
    done = migrated.run("signing-key", "create")

    assert (done.status, done.problem) == (
        2,
        "CAPTIOND_SIGNING_KEYS is not set; set it to the path of the file to create",
    )


def test_images_are_sealed_and_verified(signing: Place) -> None:
    with Archive.open(signing.settings["database_url"], Path(signing.settings["images_dir"])) as archive:
        archive.prepare()
        archive.store([make_record() for _ in range(2)])
        done = signing.run("seal")
        last = archive.seals.last()
        assert last
        assert done.stdout == f"seal 1: 2 records, hash {last.hash.hex()}\n"
        assert signing.run("seal").stdout == "nothing to seal\n"
        described = json.loads(signing.run("seal", "--json").stdout)
        assert described == {
            "number": 1,
            "hash": last.hash.hex(),
            "statement": last.statement,
            "signature": last.signature,
        }
        assert list(archive.seals.verify(keys_of(signing))) == []


def test_verify_names_rows_that_differ_from_their_seal(signing: Place) -> None:
    with Archive.open(signing.settings["database_url"], Path(signing.settings["images_dir"])) as archive:
        archive.prepare()
        record, deleted = make_record(), make_record()
        archive.store([record, deleted])
        assert signing.run("queues", "--accept").status == 0
        assert signing.run("seal").status == 0
        assert (signing.run("verify").status, signing.run("verify").stdout) == (0, VERIFIED)
        with archive._engine.begin() as connection:  # noqa: SLF001 - tampering bypasses the archive
            connection.execute(update(IMAGES).where(IMAGES.c.id == record.image.id).values(description="other"))
            connection.execute(delete(IMAGES).where(IMAGES.c.id == deleted.image.id))

    done = signing.run("verify")

    assert done.status == 1
    assert f"altered row: {record.image.id} (it differs from the sealed record)" in done.stdout
    assert f"deleted row: {deleted.image.id}" in done.stdout
    unsigned = signing.but(signing_keys="").run("verify")
    assert "signatures of seals: not verified" in unsigned.stdout


def test_receipt_is_verified_without_a_server(signing: Place) -> None:
    path = write_receipt(signing, b"upload")
    upload, other, public = (signing.folder / name for name in ("upload.jpg", "other.jpg", "jwks.json"))
    upload.write_bytes(b"upload")
    other.write_bytes(b"other")
    public.write_text(json.dumps(keys_of(signing).jwks()))

    done = signing.run("verify", "--receipt", str(path), "--jwks", str(public), "--image", str(upload))
    assert done.status == 0
    statement, verdict = done.stdout.splitlines()
    assert json.loads(statement)["upload_sha256"] == sha256(b"upload").hexdigest()
    assert verdict == "the receipt is valid"

    mismatch = signing.run("verify", "--receipt", str(path), "--image", str(other))
    assert mismatch.status == 1
    assert f"the SHA-256 of {other} is not" in mismatch.problem
    assert signing.run("signing-key", "create").status == 0
    assert signing.run("verify", "--receipt", str(path)).status == 0


def test_invalid_receipt_has_exit_status_1(signing: Place) -> None:
    receipt = json.loads(write_receipt(signing, b"upload").read_text())["receipt"]
    header, payload, signature = receipt.split(".")
    forged = signing.folder / "forged.jws"
    forged.write_text(f"{header}.{payload[:-4]}AAAA.{signature}\n")
    none = signing.folder / "none.json"
    none.write_text("{}")

    assert signing.run("verify", "--receipt", str(forged)).status == 1
    done = signing.run("verify", "--receipt", str(none))
    assert (done.status, "has no member `receipt`" in done.problem) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--image", "x.jpg"], "--image needs --receipt"),
        (["--jwks", "x.json"], "--jwks needs --receipt or --export"),
        (["--export", "none"], "none contains no SHA256SUMS; extract a ZIP archive first"),
        (["--receipt", "none.jws"], "--receipt needs public keys: add --jwks FILE"),
        (["--receipt", "none.jws", "--jwks", "none.json"], "cannot read none.json: No such file or directory"),
    ],
)
def test_wrong_options_are_refused(migrated: Place, options: list[str], message: str) -> None:
    done = migrated.run("verify", *options)

    assert done.status == 2
    assert message in done.problem
