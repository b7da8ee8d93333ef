"""The images of an export, from the API of another process."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus

import httpx

from captiond.operations.export.images import ExportImage, FileUnavailable, Folder, ImageDeleted
from captiond.operations.export.proofs import InvalidProof, read_proof
from captiond.upload_client import TRANSIENT, read_retry_after

PAGE_IMAGES = PAGE_SEALS = 1000
# With the pauses between them, about two minutes.
MAX_ATTEMPTS = 12
MAX_PAUSE_SECONDS = 15.0
_PROBLEM = "urn:captiond:problem:"
_DELETED = frozenset({f"{_PROBLEM}{name}" for name in ("unknown-image", "image-deleted")})
# Responses that a retry does not change, also with a status of the server's errors.
_FILE_PROBLEMS = frozenset(
    {f"{_PROBLEM}{name}" for name in ("original-gone", "file-missing", "file-altered", "not-sealed", "record-altered")}
)
_PATHS = {
    Folder.IMAGES: "/api/images/{}",
    Folder.ORIGINALS: "/api/images/{}/original",
    Folder.PROOFS: "/api/images/{}/proof",
}


class ApiUnavailable(Exception):
    """The API cannot be reached, or has refused each attempt for now."""


class ExportRefused(Exception):
    """The API refused a request for good, such as one with an invalid filter or key."""


class _Refused(Exception):
    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class RemoteImages:
    """Lists and downloads images, and retries while the API is unavailable.

    Every method raises ApiUnavailable and ExportRefused. `parameters` are the filters of `GET /api/images`.
    """

    def __init__(
        self,
        client: httpx.Client,
        shown_url: str,
        parameters: Sequence[tuple[str, str]],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._shown_url = shown_url
        self._following: str | None = str(httpx.URL("/api/images", params=[*parameters, ("limit", str(PAGE_IMAGES))]))
        self._sleep = sleep

    def next_page(self) -> Sequence[ExportImage]:
        """Return the next images."""
        if self._following is None:
            return []
        try:
            response = self._get(self._following)
            images = [ExportImage.from_fields(fields) for fields in json.loads(response.content)]
        except _Refused as error:
            raise ExportRefused(str(error)) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ExportRefused(f"{self._shown_url} is not an API of captiond: {error}") from error
        following = response.links.get("next", {}).get("url")
        # Relative to the base URL, which may have a path: the API names its own path.
        self._following = f"/api/images?{httpx.URL(following).query.decode()}" if following else None
        return images

    def load(self, image: ExportImage, folder: Folder) -> bytes:
        """Download a file. Raises FileUnavailable, ImageDeleted."""
        try:
            content = self._get(_PATHS[folder].format(image.id)).content
        except _Refused as error:
            if error.kind in _DELETED:
                raise ImageDeleted from error
            if error.kind in _FILE_PROBLEMS:
                raise FileUnavailable(str(error)) from error
            raise ExportRefused(str(error)) from error
        if folder is Folder.PROOFS:
            _check_proof(image, content)
        elif sha256(content).digest() != image.checksums[folder]:
            raise FileUnavailable("the downloaded file does not match its checksum")
        return content

    def seals_after(self, number: int) -> list[Mapping[str, object]]:
        """Return the next seals."""
        found = self._get_json(f"/api/seals?after={number}&limit={PAGE_SEALS}")
        if not isinstance(found, list) or not all(isinstance(seal, dict) and "number" in seal for seal in found):
            raise ExportRefused(f"{self._shown_url} has no list of seals")
        return found

    def public_keys(self) -> Mapping[str, object]:
        """Return the JWK Set."""
        found = self._get_json("/.well-known/jwks.json")
        if not isinstance(found, dict):
            raise ExportRefused(f"{self._shown_url} has no public keys")
        return found

    def _get_json(self, path: str) -> object:
        try:
            return json.loads(self._get(path).content)
        except _Refused as error:
            raise ExportRefused(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise ExportRefused(f"{self._shown_url} is not an API of captiond: {error}") from error

    def _get(self, path: str) -> httpx.Response:
        """Return a successful response. Raises _Refused for a permanent error."""
        reason = ""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            pause = float(attempt)
            try:
                response = self._client.get(path)
            except httpx.HTTPError as error:
                reason = f"{self._shown_url} is unreachable: {str(error) or type(error).__name__}"
            else:
                if response.status_code == HTTPStatus.OK:
                    return response
                kind, reason = _read_problem(response)
                if response.status_code not in TRANSIENT or kind in _FILE_PROBLEMS:
                    raise _Refused(kind, reason)
                pause = read_retry_after(response.headers.get("Retry-After", "")) or pause
            if attempt < MAX_ATTEMPTS:
                self._sleep(min(pause, MAX_PAUSE_SECONDS))
        raise ApiUnavailable(reason)


def _check_proof(image: ExportImage, content: bytes) -> None:
    """Raise FileUnavailable unless a proof is that of the image."""
    try:
        if not image.is_proved_by(read_proof(content).record):
            raise FileUnavailable("the downloaded proof is that of other files")
    except InvalidProof as error:
        raise FileUnavailable(f"the downloaded proof is invalid: {error}") from error


def _read_problem(response: httpx.Response) -> tuple[str, str]:
    """Return the type and the detail of a problem document."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    values: Mapping[str, object] = body if isinstance(body, dict) else {}
    return str(values.get("type", "")), str(values.get("detail") or f"HTTP {response.status_code}")
