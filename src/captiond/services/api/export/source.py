"""The images of an export, from the archive."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

from captiond.archive import Archive, ArchiveUnavailable, FileAltered, PageQuery, StoredImage
from captiond.archive.errors import RecordAltered
from captiond.archive.records import Cursor
from captiond.evidence import SigningKeys
from captiond.operations.export import ExportImage, FileUnavailable, Folder, ImageDeleted
from captiond.operations.originals import OriginalUnavailable, load_original
from captiond.services.api.bodies.evidence import ProofBody, SealBody
from captiond.services.api.bodies.images import ListedImage

MISSING = "the file is missing from the archive"
ALTERED = "the file in the archive was changed"
NOT_SEALED = "no seal contains the image yet; run `captiond seal`, then export again"
PAGE_SEALS = 1000
UNREADABLE = "the file in the archive cannot be read"


class ArchiveImages:
    """Reads one page after another, each with a statement of its own. Images that are stored meanwhile are newer.

    With `one_page`, the images after the page of the query are left out, and `following` is the cursor of its end.
    """

    def __init__(self, archive: Archive, keys: SigningKeys, query: PageQuery, *, one_page: bool) -> None:
        self._archive = archive
        self._keys = keys
        self._query = query
        self._one_page = one_page
        self._rows: dict[UUID, StoredImage] = {}
        self._ahead: list[StoredImage] | None = None
        self._has_more = True
        self.following: Cursor | None = None

    def read_ahead(self) -> None:
        """Read the next page before it is needed. Raises ArchiveUnavailable."""
        # One more than the limit shows whether there is a next page.
        found = self._archive.page(replace(self._query, limit=self._query.limit + 1)) if self._has_more else []
        page = found[: self._query.limit]
        if len(found) > len(page):
            self.following = self._query.cursor_after(page[-1])
            self._query = replace(self._query, before=self.following)
        self._has_more = len(found) > len(page) and not self._one_page
        self._ahead = page

    def next_page(self) -> Sequence[ExportImage]:
        """Return the next images. Raises ArchiveUnavailable."""
        if self._ahead is None:
            self.read_ahead()
        self._rows = {image.id: image for image in self._ahead or ()}
        self._ahead = None
        return [
            ExportImage.from_fields(ListedImage.model_validate(image).model_dump(mode="json"))
            for image in self._rows.values()
        ]

    def seals_after(self, number: int) -> list[Mapping[str, object]]:
        """Return the next seals. Raises ArchiveUnavailable."""
        return [SealBody.make(seal).model_dump() for seal in self._archive.seals.page(number, PAGE_SEALS)]

    def public_keys(self) -> Mapping[str, object]:
        """Return the JWK Set."""
        return self._keys.jwks()

    def load(self, image: ExportImage, folder: Folder) -> bytes:
        """Read a file. Raises FileUnavailable, ImageDeleted, ArchiveUnavailable."""
        row = self._rows[image.id]
        if folder is Folder.PROOFS:
            return self._prove(row)
        try:
            return self._load(row, folder)
        except (ArchiveUnavailable, FileNotFoundError):
            self._archive.ping()  # raises ArchiveUnavailable if no file can be read
        try:
            return self._load(row, folder)
        except FileNotFoundError as error:
            if self._archive.find(image.id) is None:
                raise ImageDeleted from error
            raise FileUnavailable(MISSING) from error
        except ArchiveUnavailable as error:
            raise FileUnavailable(UNREADABLE) from error

    def _prove(self, row: StoredImage) -> bytes:
        try:
            proof = self._archive.seals.prove(row)
        except RecordAltered as error:
            raise FileUnavailable(str(error)) from error
        if proof is None:
            raise FileUnavailable(NOT_SEALED)
        return ProofBody.make(proof).model_dump_json().encode()

    def _load(self, row: StoredImage, folder: Folder) -> bytes:
        try:
            return load_original(self._archive, row) if folder is Folder.ORIGINALS else self._read(row)
        except OriginalUnavailable as error:
            raise FileUnavailable(str(error)) from error

    def _read(self, row: StoredImage) -> bytes:
        try:
            content = self._archive.read(self._archive.check_file(row))
        except FileAltered as error:
            raise FileUnavailable(ALTERED) from error
        if sha256(content).digest() != row.sha256:
            raise FileUnavailable(ALTERED)
        return content
