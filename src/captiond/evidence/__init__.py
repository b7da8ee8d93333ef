"""Evidence: receipts of uploads, Merkle trees and signatures. Knows nothing of HTTP, Redis or SQL."""

from captiond.evidence.canonical import Fields, FieldValue, canonical_json
from captiond.evidence.jws import InvalidSignature, Signer, verify_compact
from captiond.evidence.keys import KEY_FILE_HINT, InvalidKeyFile, SigningKeys, create_signing_key
from captiond.evidence.merkle import HASH_BYTES, MerkleTree, hash_leaf, merkle_root, root_of_path
from captiond.evidence.receipts import (
    InvalidReceipt,
    ReceiptBasis,
    UploadReceipt,
    read_receipt,
    sign_receipt,
)

__all__ = [
    "HASH_BYTES",
    "KEY_FILE_HINT",
    "FieldValue",
    "Fields",
    "InvalidKeyFile",
    "InvalidReceipt",
    "InvalidSignature",
    "MerkleTree",
    "ReceiptBasis",
    "Signer",
    "SigningKeys",
    "UploadReceipt",
    "canonical_json",
    "create_signing_key",
    "hash_leaf",
    "merkle_root",
    "read_receipt",
    "root_of_path",
    "sign_receipt",
    "verify_compact",
]
