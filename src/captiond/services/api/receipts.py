"""The receipt in the response to an upload."""

from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from captiond.evidence import ReceiptBasis, SigningKeys, sign_receipt
from captiond.image import ReceivedImage

REQUEST_HEADER, PREFERENCE = "Prefer", "receipt"
RESPONSE_HEADER = "Captiond-Receipt"
# Proxies refuse long headers: nginx accepts 4 KiB of all together.
MAX_HEADER_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Signing:
    """The signing keys, and whether every upload gets a receipt, or only one that requests it."""

    keys: SigningKeys = field(default_factory=lambda: SigningKeys(()))
    signs_always: bool = False


def sign_if_wanted(signing: Signing, request: Request, image: ReceivedImage, received_at: datetime) -> str | None:
    """Return the receipt of an upload. None without a signing key, or if the client does not request it.

    Signing takes 25 us of CPU time, a tenth of an upload in this process, so it is not the default.
    """
    signer = signing.keys.signer
    if signer is None or not (signing.signs_always or _is_requested(request)):
        return None
    return sign_receipt(signer, image, received_at, ReceiptBasis.UPLOAD)


def _is_requested(request: Request) -> bool:
    """Return whether a header `Prefer: receipt` is present (RFC 7240)."""
    preferences = ",".join(request.headers.getlist(REQUEST_HEADER)).split(",")
    return any(preference.partition(";")[0].strip().lower() == PREFERENCE for preference in preferences)
