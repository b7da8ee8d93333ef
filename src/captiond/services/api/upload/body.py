"""An upload of any format: the image, its checksum and its fields."""

from dataclasses import dataclass, field

from starlette.requests import Request

from captiond.imaging import find_header_fault, find_start_fault
from captiond.services.api.http.digests import BodyDigest
from captiond.services.api.http.problem_types import DIGEST_MISMATCH, NOT_A_JPEG, TOO_LARGE
from captiond.services.api.http.problems import CLOSE, Problem
from captiond.services.api.upload.fields import UploadFields


@dataclass(frozen=True, slots=True)
class UploadBody:
    """A valid upload. `sha256` is that of the JPEG."""

    jpeg: bytes = field(repr=False)
    sha256: bytes
    fields: UploadFields


def require_jpeg(image: bytes, where: str) -> None:
    """Raise Problem for bytes that cannot be a JPEG. `where` begins the message."""
    if fault := find_start_fault(image):
        raise Problem(NOT_A_JPEG, f"{where} {fault}.")
    if fault := find_header_fault(image):
        raise Problem(NOT_A_JPEG, f"{where} has no JPEG header: {fault}.")


def check_content_length(request: Request, max_bytes: int, max_image_bytes: int) -> None:
    """Reject a body by its Content-Length, before reading it. Raises Problem."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise image_too_large(max_image_bytes)


def require_digest(digest: BodyDigest) -> None:
    """Raise Problem for a body that does not match its digest header. Its content says nothing then."""
    if header := digest.mismatch():
        raise Problem(DIGEST_MISMATCH, f"The body does not match its {header} header; send it again.")


def image_too_large(max_bytes: int) -> Problem:
    """The problem of an image over the limit."""
    return Problem(TOO_LARGE, f"The image exceeds the limit of {max_bytes} bytes.", headers=CLOSE)
