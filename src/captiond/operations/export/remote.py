"""The images of an export, from the API of another process."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice

from captiond.client import Client, Image, ProblemError, Retries, UnexpectedResponse
from captiond.client.values import to_document
from captiond.operations.export.images import ExportImage, FileUnavailable, Folder, ImageDeleted
from captiond.operations.export.proofs import InvalidProof, read_proof

PAGE_IMAGES = 1000
# With the pauses between them, about two minutes.
RETRIES = Retries(max_attempts=20)
_DELETED = frozenset({"unknown-image", "image-deleted"})
_FILE_PROBLEMS = frozenset({"original-gone", "file-missing", "file-altered", "not-sealed", "record-altered"})


class RemoteImages:
    """Lists and downloads images. Every method raises the errors of the client."""

    def __init__(self, client: Client, images: Iterator[Image]) -> None:
        self._client = client
        self._images = images
        self._fetch = {Folder.IMAGES: client.image, Folder.ORIGINALS: client.original, Folder.PROOFS: client.proof}

    def next_page(self) -> Sequence[ExportImage]:
        """Return the next images."""
        try:
            page = islice(self._images, PAGE_IMAGES)
            return [ExportImage.from_fields(to_document(image)) for image in page]
        except ValueError as error:
            raise UnexpectedResponse(f"{self._client.shown_url} is not an API of captiond: {error}") from error

    def load(self, image: ExportImage, folder: Folder) -> bytes:
        """Download a file. Also raises FileUnavailable, ImageDeleted."""
        try:
            content = self._fetch[folder](str(image.id))
        except ProblemError as error:
            if error.name in _DELETED:
                raise ImageDeleted from error
            if error.name in _FILE_PROBLEMS:
                raise FileUnavailable(str(error)) from error
            raise
        if folder is Folder.PROOFS:
            _check_proof(image, content)
        elif sha256(content).digest() != image.checksums[folder]:
            raise FileUnavailable("the downloaded file does not match its checksum")
        return content

    def seals_after(self, number: int) -> list[Mapping[str, object]]:
        """Return the next seals."""
        return self._client.seals(after=number)

    def public_keys(self) -> Mapping[str, object]:
        """Return the JWK Set."""
        return self._client.public_keys()


def _check_proof(image: ExportImage, content: bytes) -> None:
    """Raise FileUnavailable unless a proof is that of the image."""
    try:
        if not image.is_proved_by(read_proof(content).record):
            raise FileUnavailable("the downloaded proof is that of other files")
    except InvalidProof as error:
        raise FileUnavailable(f"the downloaded proof is invalid: {error}") from error
