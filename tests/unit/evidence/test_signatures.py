"""Signing keys, signatures and receipts. OpenSSL verifies signatures as an independent program."""

import base64
import json
import stat
import subprocess
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from captiond.evidence import (
    InvalidKeyFile,
    InvalidReceipt,
    InvalidSignature,
    ReceiptBasis,
    Signer,
    SigningKeys,
    canonical_json,
    create_signing_key,
    read_receipt,
    sign_receipt,
    verify_compact,
)
from captiond.image import Labels, ReceivedImage

# The fixed bytes of an Ed25519 public key in DER (RFC 8410).
DER_PREFIX = bytes.fromhex("302a300506032b6570032100")
RECEIVED = datetime(2026, 3, 1, 7, 59, 58, 123456, tzinfo=UTC)
IMAGE = ReceivedImage(
    id=UUID("01980000-0000-7000-8000-000000000001"),
    received_at=datetime(2030, 1, 1, tzinfo=UTC),
    description="Въезд 3 🚗",
    upload_sha256=sha256(b"upload").digest(),
    captured_at=datetime(2026, 3, 1, 7, 0, tzinfo=UTC),
    camera="gate",
    labels=Labels({"speed": "83"}),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "signing-keys.json"
    create_signing_key(path)
    return path


def signer(path: Path) -> Signer:
    found = SigningKeys.read(path).signer
    assert found
    return found


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def openssl_accepts(folder: Path, token: str, x: str) -> bool:
    """Verify a compact JWS with the public key whose JWK member `x` is given."""
    signed, _, signature = token.rpartition(".")
    (folder / "key.der").write_bytes(DER_PREFIX + decode(x))
    (folder / "signed").write_text(signed)
    (folder / "signature").write_bytes(decode(signature))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin"]
    done = subprocess.run(
        [*command, "-in", "signed", "-sigfile", "signature"], cwd=folder, capture_output=True, check=False
    )
    return done.returncode == 0


def test_receipt_is_a_jws_that_openssl_verifies(path: Path, tmp_path: Path) -> None:
    keys = SigningKeys.read(path)
    receipt = sign_receipt(signer(path), IMAGE, RECEIVED, ReceiptBasis.UPLOAD)
    header, payload, _ = map(decode, receipt.split("."))

    assert json.loads(header) == {"alg": "Ed25519", "kid": signer(path).kid, "typ": "captiond-receipt"}
    assert json.loads(payload) == {
        "basis": "upload",
        "camera": "gate",
        "captured_at": "2026-03-01T07:00:00.000000Z",
        "description": "Въезд 3 🚗",
        "id": str(IMAGE.id),
        "labels": {"speed": "83"},
        "received_at": "2026-03-01T07:59:58.123456Z",
        "upload_sha256": sha256(b"upload").hexdigest(),
    }
    [key] = keys.jwks()["keys"]
    assert openssl_accepts(tmp_path, receipt, key["x"])
    other_payload = base64.urlsafe_b64encode(payload.replace(b"gate", b"door")).rstrip(b"=").decode()
    forged = ".".join([receipt.split(".")[0], other_payload, receipt.split(".")[2]])
    assert not openssl_accepts(tmp_path, forged, key["x"])
    with pytest.raises(InvalidReceipt):
        read_receipt(forged, keys.public)


def test_equal_uploads_get_equal_receipts(path: Path) -> None:
    first, second = (sign_receipt(signer(path), IMAGE, RECEIVED, ReceiptBasis.UPLOAD) for _ in range(2))

    assert first == second
    found = read_receipt(first, SigningKeys.read(path).public)
    assert (found.image_id, found.received_at, found.upload_sha256) == (IMAGE.id, RECEIVED, IMAGE.upload_sha256)


def test_key_file_is_private_and_keeps_public_keys_of_earlier_keys(path: Path) -> None:
    old = SigningKeys.read(path)
    receipt = sign_receipt(signer(path), IMAGE, RECEIVED, ReceiptBasis.UPLOAD)

    kid = create_signing_key(path)

    new = SigningKeys.read(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert new.signer
    assert old.signer
    assert new.signer.kid == kid != old.signer.kid
    assert new.jwks()["keys"][1:] == old.jwks()["keys"]
    assert [sorted({"d"} & set(key)) for key in json.loads(path.read_text())["keys"]] == [["d"], []]
    assert all("d" not in key for key in new.jwks()["keys"])
    assert read_receipt(receipt, new.public).image_id == IMAGE.id


def test_public_keys_alone_verify(path: Path, tmp_path: Path) -> None:
    public = tmp_path / "jwks.json"
    public.write_text(json.dumps(SigningKeys.read(path).jwks()))
    receipt = sign_receipt(signer(path), IMAGE, RECEIVED, ReceiptBasis.UPLOAD)

    keys = SigningKeys.read(public)

    assert keys.signer is None
    assert read_receipt(f"{receipt}\n", keys.public).image_id == IMAGE.id


def test_signature_of_another_kind_or_key_is_refused(path: Path, tmp_path: Path) -> None:
    create_signing_key(tmp_path / "other.json")
    receipt = sign_receipt(signer(path), IMAGE, RECEIVED, ReceiptBasis.UPLOAD)
    keys = SigningKeys.read(path).public

    with pytest.raises(InvalidSignature, match="the type is 'captiond-receipt', not 'captiond-seal'"):
        verify_compact(receipt, "captiond-seal", keys)
    with pytest.raises(InvalidSignature):
        verify_compact(receipt, "captiond-receipt", SigningKeys.read(tmp_path / "other.json").public)
    for broken in ("", "x", "a.b.c", receipt[:-2], receipt.replace(".", "", 1)):
        with pytest.raises(InvalidReceipt):
            read_receipt(broken, keys)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JWK Set"),
        (b"{}", "no JWK Set"),
        (b'{"keys": [{"kty": "RSA"}]}', "a key has the curve None"),
        (b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}', "no JWK Set"),
    ],
)
def test_invalid_key_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)

    with pytest.raises(InvalidKeyFile, match=message):
        SigningKeys.read(path)


def test_key_file_that_others_can_read_is_refused(path: Path) -> None:
    path.chmod(0o640)

    with pytest.raises(InvalidKeyFile, match="chmod 600"):
        SigningKeys.read(path)


def test_missing_key_file_is_refused_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeyFile, match="captiond signing-key create"):
        SigningKeys.read(tmp_path / "none.json")


def test_canonical_json_has_sorted_names_and_no_missing_values() -> None:
    assert canonical_json({"b": None, "c": 'é"\n\x1f', "a": True}) == '{"a":true,"c":"é\\"\\n\\u001f"}'.encode()
