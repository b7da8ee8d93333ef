"""`captiond verify --receipt`: verifies a receipt, without a server and without the archive."""

import hashlib
import json
from pathlib import Path

import typer

from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import UsageError, print_error
from captiond.cli.json_output import print_json
from captiond.evidence import InvalidKeyFile, InvalidReceipt, SigningKeys, UploadReceipt, read_receipt


def verify_receipt(receipt: Path, jwks: Path | None, image: Path | None, *, as_json: bool) -> None:
    """Print what a receipt states. The exit status is 1 if it is not valid, or not that of the image."""
    path = jwks or load_settings().signing_keys
    if path is None:
        raise UsageError("--receipt needs public keys: add --jwks FILE, from /.well-known/jwks.json")
    try:
        keys = SigningKeys.read(path)
        token = _find_token(receipt.read_text("utf-8"))
        found = read_receipt(token, keys.public)
        if image:
            _compare(image, found)
    except InvalidReceipt as error:
        if as_json:
            print_json({"ok": False, "error": str(error), "statement": None})
        print_error(f"{receipt}: {error}")
        raise typer.Exit(1) from error
    except OSError as error:
        raise UsageError(f"cannot read {error.filename or receipt}: {error.strerror}") from error
    except (InvalidKeyFile, ValueError) as error:
        raise UsageError(str(error)) from error
    if as_json:
        print_json({"ok": True, "error": None, "statement": json.loads(found.text)})
        return
    print_line(console(), found.text)
    print_line(console(), "the receipt is valid")


def _compare(image: Path, receipt: UploadReceipt) -> None:
    if hashlib.sha256(image.read_bytes()).digest() != receipt.upload_sha256:
        raise InvalidReceipt(f"the SHA-256 of {image} is not {receipt.upload_sha256.hex()}")


def _find_token(text: str) -> str:
    """Return the JWS, which is the text itself, or the member `receipt` of the response to an upload."""
    if not text.lstrip().startswith("{"):
        return text
    token: object = json.loads(text).get("receipt")
    if not isinstance(token, str):
        raise InvalidReceipt("the file has no member `receipt`; the upload did not request one")
    return token
