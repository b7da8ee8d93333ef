"""The signing keys: a JWK Set in a file (RFC 7517), whose first key signs. Others are public keys of earlier times."""

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from captiond.evidence.jws import ALGORITHM, Signer

CURVE: Final = "Ed25519"
KEY_FILE_HINT = "create it with `captiond signing-key create`"
_PUBLIC = frozenset({"kty", "crv", "x", "kid", "alg", "use"})
_GROUP_OR_OTHERS = 0o077


class InvalidKeyFile(Exception):
    """A file of keys cannot be read, or other users can read it. The message has the fix."""


class SigningKeys:
    """The public keys, the newest first, and the signer if the first key is a private one."""

    def __init__(self, keys: Sequence[OKPKey]) -> None:
        self.public = KeySet([OKPKey.import_key(key.as_dict(private=False)) for key in keys])
        private = keys[0].private_key if keys else None
        self.signer = Signer(str(keys[0].kid), private) if isinstance(private, Ed25519PrivateKey) else None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file. Raises InvalidKeyFile, also if it holds a private key and other users can read it."""
        keys = _read(path)
        if any(key.is_private for key in keys) and path.stat().st_mode & _GROUP_OR_OTHERS:
            raise InvalidKeyFile(f"{path} holds a private key, but other users can read it; run `chmod 600 {path}`")
        return cls(keys)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JWK Set."""
        return {"keys": [{name: str(key.as_dict()[name]) for name in sorted(_PUBLIC)} for key in self.public.keys]}


def create_signing_key(path: Path) -> str:
    """Create the file, or add a new key in front of those that it holds, which then cannot sign any more.

    Returns the id of the new key. Durable on return; readable by this user only. Raises InvalidKeyFile and OSError.
    """
    earlier = _read(path) if path.exists() else []
    key = OKPKey.generate_key(CURVE)
    kid = key.thumbprint()
    known = {"alg": ALGORITHM, "use": "sig"}
    keys = [
        {**key.as_dict(private=True), **known, "kid": kid},
        *({**other.as_dict(private=False), **known} for other in earlier),
    ]
    _replace(path, json.dumps({"keys": keys}, indent=2).encode() + b"\n")
    return kid


def _read(path: Path) -> list[OKPKey]:
    try:
        members: list[dict[str, Any]] = json.loads(path.read_bytes())["keys"]
        return [_import_key(member) for member in members]
    except OSError as error:
        raise InvalidKeyFile(f"cannot read {path}: {error.strerror}; {KEY_FILE_HINT}") from error
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidKeyFile(f"{path} is no JWK Set with Ed25519 keys: {error}") from error


def _import_key(member: dict[str, Any]) -> OKPKey:
    if member.get("kty") != "OKP" or member.get("crv") != CURVE:
        raise ValueError(f"a key has the curve {member.get('crv')!r}")
    key = OKPKey.import_key(member)
    thumbprint = key.thumbprint()
    if member.get("kid", thumbprint) != thumbprint:
        raise ValueError(f"the key {member['kid']!r} has the thumbprint {thumbprint}")
    return OKPKey.import_key({**member, "kid": thumbprint, "alg": ALGORITHM, "use": "sig"})


def _replace(path: Path, content: bytes) -> None:
    """Write the file atomically with mode 0600."""
    temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temp, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
