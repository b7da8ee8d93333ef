"""`captiond seal`: seals the archive."""

from captiond.archive import StoredSeal
from captiond.cli.console import console, count, load_settings, print_line
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJson
from captiond.operations.sealing import seal_archive
from captiond.wiring.archives import open_archive
from captiond.wiring.signing import make_signing_keys, read_time_stamp_url


def seal(as_json: AsJson = False) -> None:
    """Seal all images that no seal contains.

    With --json, prints the newest seal, or null if there is none.
    """
    settings = load_settings()
    keys = make_signing_keys(settings)
    with open_archive(settings) as archive:
        made = seal_archive(archive.seals, keys.signer, read_time_stamp_url(settings))
        last = archive.seals.last()
    if as_json:
        print_json(None if last is None else {"number": last.number, **_describe(last)})
        return
    out = console()
    for new in made:
        print_line(out, f"seal {new.number}: {count(new.seal.size, 'record')}, hash {new.hash.hex()}")
    if not made:
        print_line(out, "nothing to seal")


def _describe(seal: StoredSeal) -> dict[str, str | None]:
    return {"hash": seal.hash.hex(), "statement": seal.statement, "signature": seal.signature}
