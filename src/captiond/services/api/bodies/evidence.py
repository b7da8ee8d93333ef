"""JSON bodies of proofs and seals."""

from base64 import b64encode
from typing import Self

from pydantic import BaseModel, Field

from captiond.archive import Proof, StoredSeal


class PublicKey(BaseModel):
    """An Ed25519 key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class PublicKeys(BaseModel):
    """A JWK Set (RFC 7517)."""

    keys: list[PublicKey]


class SealBody(BaseModel):
    """A seal. Its hash, its signature and its time stamp are those of `statement` in UTF-8."""

    number: int
    hash: str = Field(description="SHA-256 in hexadecimal; `previous` of the next seal")
    statement: str = Field(description="canonical JSON: number, previous hash, root, number of records, time")
    signature: str | None = Field(description="compact JWS; null: there was no signing key")
    time_stamp: str | None = Field(description="response of the time-stamping authority (RFC 3161) in base64")

    @classmethod
    def make(cls, seal: StoredSeal) -> Self:
        return cls(
            number=seal.number,
            hash=seal.hash.hex(),
            statement=seal.statement,
            signature=seal.signature,
            time_stamp=None if seal.time_stamp is None else b64encode(seal.time_stamp).decode(),
        )


class ProofBody(BaseModel):
    """The proof that a seal contains a record."""

    record: str = Field(description="canonical JSON of the image, whose hash is the leaf")
    leaf_index: int
    audit_path: list[str] = Field(description="hashes in hexadecimal (RFC 9162, section 2.1.3)")
    seal: SealBody

    @classmethod
    def make(cls, proof: Proof) -> Self:
        return cls(
            record=proof.record,
            leaf_index=proof.leaf_index,
            audit_path=[hash_.hex() for hash_ in proof.audit_path],
            seal=SealBody.make(proof.seal),
        )
