"""`captiond signing-key`: manages the key that signs receipts and seals."""

import typer

from captiond.cli.auditing import record
from captiond.cli.commands import make_group
from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import UsageError, require_subcommand
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJson
from captiond.evidence import InvalidKeyFile, create_signing_key


def build() -> typer.Typer:
    """Return the app with the subcommands of `signing-key`."""
    return make_group(signing_key, {"create": create})


def signing_key(context: typer.Context) -> None:
    """Manage the key that signs receipts and seals."""
    require_subcommand(context)


def create(as_json: AsJson = False) -> None:
    """Create a key, or replace the key by a new one.

    The file is CAPTIOND_SIGNING_KEYS. The public keys of earlier keys stay in it. The services use the new key after a
    restart.
    """
    settings = load_settings()
    path = settings.signing_keys
    if path is None:
        raise UsageError("CAPTIOND_SIGNING_KEYS is not set; set it to the path of the file to create")
    try:
        kid = create_signing_key(path)
    except (InvalidKeyFile, OSError) as error:
        raise UsageError(f"CAPTIOND_SIGNING_KEYS: {error}") from error
    record(settings, "signing-key.create", detail=kid)
    if as_json:
        print_json({"kid": kid, "file": str(path)})
        return
    print_line(console(), f"created the signing key {kid} in {path}; restart the services")
