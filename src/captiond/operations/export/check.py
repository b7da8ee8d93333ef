"""Checks a directory with an export: without captiond's servers, and without network."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from joserfc.jwk import KeySet

from captiond.evidence import InvalidSignature, verify_compact
from captiond.operations.export.chain import SEALS
from captiond.operations.export.images import Folder
from captiond.operations.export.index import CHECKSUMS
from captiond.operations.export.proofs import InvalidProof, read_proof

# The `typ` of the signatures of seals.
_SEAL_KIND = "captiond-seal"
# As `sha256sum` writes them; the names of an export contain neither a backslash nor a line end.
_CHECKSUM_LINE = re.compile(r"([0-9a-f]{64})  ([^\\\n]+)")


class NoExport(Exception):
    """A directory is not an export, or its list of checksums or of seals cannot be read."""


class ExportCheck:
    """One check of a directory. Yields each problem as a text, and counts what was checked.

    `keys` verify the signatures of seals; without keys, they are not verified. The memory is
    about 0.3 KB per file and 1 KB per seal.
    """

    def __init__(self, root: Path, keys: KeySet) -> None:
        self._root = root
        self._keys = keys
        self._digests: dict[str, str] = {}
        self._statements: dict[int, str] = {}
        self.counts: Counter[str] = Counter(files=0, seals=0, proofs=0, unproved=0)

    def run(self) -> Iterator[str]:
        """Compare files with checksums, seals with each other, and proofs with both. Raises NoExport, OSError."""
        yield from self._check_files()
        if SEALS in self._digests:
            yield from self._check_seals()
        for name in self._digests:
            if name.startswith(f"{Folder.IMAGES}/"):
                yield from self._check_proof(name)

    def _check_files(self) -> Iterator[str]:
        try:
            lines = (self._root / CHECKSUMS).read_text("utf-8").splitlines()
        except FileNotFoundError as error:
            raise NoExport(f"{self._root} contains no {CHECKSUMS}; extract a ZIP archive first") from error
        except UnicodeDecodeError as error:
            raise NoExport(f"{CHECKSUMS} is not UTF-8") from error
        for line in lines:
            parsed = _CHECKSUM_LINE.fullmatch(line)
            if not parsed or not self._is_inside(parsed[2]):
                raise NoExport(f"{CHECKSUMS} has an invalid line: {line[:100]!r}")
            expected, name = parsed.groups()
            self.counts["files"] += 1
            try:
                with (self._root / name).open("rb") as file:
                    self._digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                yield f"missing: {name}"
                continue
            if self._digests[name] != expected:
                yield f"altered: {name}"

    def _is_inside(self, name: str) -> bool:
        return "\0" not in name and (self._root / name).resolve().is_relative_to(self._root.resolve())

    def _check_seals(self) -> Iterator[str]:
        previous: str | None = None
        is_signed = True
        try:
            for seal in json.loads((self._root / SEALS).read_bytes()):
                number, text = int(seal["number"]), str(seal["statement"])
                statement = json.loads(text)
                if statement["number"] != number or (previous and statement["previous"] != previous):
                    yield f"altered seal: {number} (it does not follow the seal before it)"
                if problem := self._find_signature_problem(seal.get("signature"), text):
                    yield f"altered seal: {number} ({problem})"
                is_signed = seal.get("signature") is not None
                previous = hashlib.sha256(text.encode()).hexdigest()
                self._statements[number] = text
                self.counts["seals"] += 1
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NoExport(f"{SEALS} has another form: {error!r}") from error
        # A signed seal also fixes the seals before it, which may be older than the first signing key.
        if self._keys.keys and not is_signed:
            yield f"altered seal: {max(self._statements, default=0)} (the newest seal has no signature)"

    def _find_signature_problem(self, signature: str | None, statement: str) -> str | None:
        if signature is None or not self._keys.keys:
            return None
        try:
            payload = verify_compact(signature, _SEAL_KIND, self._keys)
        except InvalidSignature as error:
            return str(error)
        return None if payload == statement.encode() else "its signature is that of another seal"

    def _check_proof(self, image: str) -> Iterator[str]:
        path = image.removeprefix(f"{Folder.IMAGES}/").removesuffix(".jpg")
        name, original = f"{Folder.PROOFS}/{path}.json", f"{Folder.ORIGINALS}/{path}.jpg"
        if name not in self._digests:
            self.counts["unproved"] += 1
            return
        self.counts["proofs"] += 1
        try:
            proof = read_proof((self._root / name).read_bytes())
        except InvalidProof as error:
            yield f"invalid proof: {name} ({error})"
            return
        if proof.statement != self._statements.get(proof.seal_number):
            yield f"invalid proof: {name} (its seal {proof.seal_number} is not that of {SEALS})"
        if proof.image_id != path.rpartition("/")[2]:
            yield f"invalid proof: {name} (it proves the image {proof.image_id})"
        yield from self._compare(proof.record, {"sha256": image, "upload_sha256": original}, name)

    def _compare(self, record: Mapping[str, object], files: Mapping[str, str], proof: str) -> Iterator[str]:
        for field, file in files.items():
            if file in self._digests and record.get(field) != self._digests[file]:
                yield f"invalid proof: {proof} (it proves another file than {file})"
