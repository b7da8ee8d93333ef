"""`captiond seal` and `captiond signing-key`."""

import json
from typing import Annotated

import typer

from captiond.archive import StoredSeal
from captiond.cli.console import UsageError, console, count, load_settings, print_line, require_subcommand
from captiond.evidence import InvalidKeyFile, create_signing_key
from captiond.operations.sealing import seal_archive
from captiond.wiring.parts import make_signing_keys, open_archive, read_time_stamp_url


def seal(
    as_json: Annotated[bool, typer.Option("--json", help="Print the newest seal as JSON.")] = False,
) -> None:
    """Seal all images that no seal contains."""
    settings = load_settings()
    keys = make_signing_keys(settings)
    with open_archive(settings) as archive:
        made = seal_archive(archive.seals, keys.signer, read_time_stamp_url(settings))
        last = archive.seals.last()
    if as_json:
        typer.echo(json.dumps(None if last is None else {"number": last.number, **_describe(last)}))
        return
    out = console()
    for new in made:
        print_line(out, f"seal {new.number}: {count(new.seal.size, 'record')}, hash {new.hash.hex()}")
    if not made:
        print_line(out, "nothing to seal")


def build_signing_key() -> typer.Typer:
    """Return the app with the subcommands of `signing-key`."""
    app = typer.Typer()
    app.callback(invoke_without_command=True)(signing_key)
    app.command("create")(create)
    return app


def signing_key(context: typer.Context) -> None:
    """Manage the key that signs receipts and seals."""
    require_subcommand(context)


def create() -> None:
    """Create the key in the file CAPTIOND_SIGNING_KEYS, or replace it by a new one.

    The public keys of earlier keys stay in the file. The services use the new key after a restart.
    """
    path = load_settings().signing_keys
    if path is None:
        raise UsageError("CAPTIOND_SIGNING_KEYS is not set; set it to the path of the file to create")
    try:
        kid = create_signing_key(path)
    except (InvalidKeyFile, OSError) as error:
        raise UsageError(f"CAPTIOND_SIGNING_KEYS: {error}") from error
    print_line(console(), f"created the signing key {kid} in {path}; restart the services")


def _describe(seal: StoredSeal) -> dict[str, str | None]:
    return {"hash": seal.hash.hex(), "statement": seal.statement, "signature": seal.signature}
