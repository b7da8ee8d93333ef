"""Proofs of an export: each shows that a seal contains the record of an image (RFC 9162)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from captiond.evidence import hash_leaf, root_of_path


class InvalidProof(Exception):
    """A proof has another form, or does not lead to the root of its seal."""


@dataclass(frozen=True, slots=True)
class ExportedProof:
    """A proof whose hashes lead to the root of its seal.

    `record` are the fields of the image, `statement` is the JSON of the seal, `seal_number` its number.
    """

    image_id: str
    record: Mapping[str, object]
    statement: str
    seal_number: int


def read_proof(content: bytes) -> ExportedProof:
    """Decode and check the body of `GET /api/images/{id}/proof`. Raises InvalidProof.

    Neither the signature of the seal nor its place among the other seals is checked.
    """
    try:
        proof = json.loads(content)
        record, text = proof["record"], proof["seal"]["statement"]
        statement = json.loads(text)
        path = [bytes.fromhex(hash_) for hash_ in proof["audit_path"]]
        root = root_of_path(hash_leaf(record.encode()), proof["leaf_index"], statement["size"], path)
        if root is None or root.hex() != statement["root"]:
            raise InvalidProof("its hashes do not lead to the root of its seal")
        fields = json.loads(record)
        found = ExportedProof(str(fields["id"]), fields, text, statement["number"])
        if not isinstance(statement["number"], int):
            raise InvalidProof("its seal has no number")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidProof(f"it has another form: {error!r}") from error
    return found
