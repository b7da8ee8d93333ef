"""Receipts: signed statements that an upload with certain bytes and fields was received."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from joserfc.jwk import KeySet

from captiond.evidence.canonical import canonical_json
from captiond.evidence.jws import InvalidSignature, Signer, verify_compact
from captiond.image import ReceivedImage
from captiond.times import rfc3339

KIND = "captiond-receipt"


class ReceiptBasis(StrEnum):
    """What the signer had: the upload itself, or its row in the archive at a later time."""

    UPLOAD = "upload"
    ARCHIVE = "archive"


class InvalidReceipt(Exception):
    """A receipt is not valid. The message has the reason."""


@dataclass(frozen=True, slots=True)
class UploadReceipt:
    """The statement of a receipt. `text` is its JSON."""

    image_id: UUID
    received_at: datetime
    upload_sha256: bytes
    text: str


def sign_receipt(signer: Signer, image: ReceivedImage, received_at: datetime, basis: ReceiptBasis) -> str:
    """Return a compact JWS. Equal uploads get equal receipts, because Ed25519 is deterministic (RFC 8032)."""
    statement = canonical_json(
        {
            "basis": basis,
            "camera": image.camera,
            "captured_at": rfc3339(image.captured_at) if image.captured_at else None,
            "description": image.description,
            "id": str(image.id),
            "labels": image.labels or None,
            "received_at": rfc3339(received_at),
            "upload_sha256": image.upload_sha256.hex(),
        }
    )
    return signer.sign(KIND, statement)


def read_receipt(token: str, keys: KeySet) -> UploadReceipt:
    """Verify a receipt. Raises InvalidReceipt."""
    try:
        text = verify_compact(token.strip(), KIND, keys).decode()
        fields = json.loads(text)
        return UploadReceipt(
            UUID(fields["id"]),
            datetime.fromisoformat(fields["received_at"]),
            bytes.fromhex(fields["upload_sha256"]),
            text,
        )
    except (InvalidSignature, ValueError, KeyError, TypeError) as error:
        raise InvalidReceipt(str(error)) from error
