"""`captiond verify --export`: checks an export, without a server and without the archive."""

from pathlib import Path

import typer

from captiond.cli.console import count, load_settings
from captiond.cli.errors import UsageError, print_error
from captiond.cli.findings import FindingOutput
from captiond.evidence import InvalidKeyFile, SigningKeys
from captiond.operations.export.chain import PUBLIC_KEYS
from captiond.operations.export.check import ExportCheck, NoExport


def verify_export(root: Path, jwks: Path | None, *, as_json: bool) -> None:
    """Print the problems of an export. The exit status is 1 if there are any."""
    out = FindingOutput(as_json=as_json)
    if root.is_file():
        raise UsageError(f"--export: {root} is not a directory; extract a ZIP archive first")
    own_keys = root / PUBLIC_KEYS
    path = jwks or load_settings().signing_keys or own_keys
    try:
        keys = SigningKeys.read(path) if path.exists() or path != own_keys else SigningKeys(())
        check = ExportCheck(root, keys.public)
        kinds = out.report(check.run())
    except OSError as error:
        raise UsageError(f"cannot read {error.filename or root}: {error.strerror}") from error
    except (InvalidKeyFile, NoExport) as error:
        raise UsageError(str(error)) from error
    counts = check.counts
    out.text(
        f"{count(counts['files'], 'file')}, {count(counts['proofs'], 'proof')}, {count(counts['seals'], 'seal')}, "
        f"{count(counts['unproved'], 'image')} without a proof"
    )
    used = "given"
    if not keys.public.keys:
        used = "none"
        print_error("the signatures of seals were not verified, because there are no public keys")
    elif path == own_keys:
        used = "export"
        print_error(
            f"the public keys are those of the export itself; compare {PUBLIC_KEYS} with a copy of the server's"
        )
    out.summarise("export", kinds.total())
    out.finish(kinds, {**counts, "keys": used})
    if kinds:
        raise typer.Exit(1)
