"""`captiond verify`: checks the archive and looks for lost images."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from socket import gethostname
from typing import Annotated

import typer

from captiond.archive import Archive, Finding
from captiond.cli.auditing import record
from captiond.cli.console import console, count, load_settings, print_line
from captiond.cli.errors import UsageError, print_error
from captiond.cli.exported import verify_export
from captiond.cli.hung_database import exit_if_hung
from captiond.cli.json_output import print_json
from captiond.cli.receipt import verify_receipt
from captiond.imaging import measure_viewed
from captiond.operations.deployment import require_one_deployment
from captiond.operations.reconcile import find_discrepancies
from captiond.operations.verify_report import VerifyReport, kind_of, store_report
from captiond.pipeline import QUEUES
from captiond.settings import Settings, StackNotRunning
from captiond.wiring.archives import open_archive
from captiond.wiring.queues import make_dead_letter_files, open_broker
from captiond.wiring.signing import make_signing_keys
from captiond.workqueue import Broker
from captiond.workqueue.errors import OtherDeployment, QueueUnavailable


class _Output:
    """Prints findings and notes as text, or findings and the result as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = console()

    def report(self, findings: Iterable[object]) -> Counter[str]:
        """Print findings, and return their number by kind."""
        kinds: Counter[str] = Counter()
        for finding in findings:
            kind = kind_of(str(finding))
            kinds[kind] += 1
            if self._as_json:
                print_json({"kind": kind, "finding": str(finding)})
            else:
                print_line(self._console, str(finding))
        return kinds

    def note(self, text: str) -> None:
        """Print a line about the check itself, with --json to stderr."""
        if self._as_json:
            print_error(text)
        else:
            print_line(self._console, text)

    def summarise(self, part: str, problems: int) -> None:
        """Print the number of problems of a part, which the JSON result contains."""
        if not self._as_json:
            print_line(self._console, f"{part}: {_summarise(problems)}")

    def finish(self, kinds: Counter[str], images: int, *, complete: bool) -> None:
        """Print the result. It is not complete if the queues were not checked."""
        if self._as_json:
            ok = complete and not kinds
            print_json({"ok": ok, "complete": complete, "images": images, "findings": dict(kinds)})


def verify(  # noqa: PLR0913 - options of a command
    fix: Annotated[
        bool, typer.Option("--fix", help="Delete temporary files of crashed writers, and files of deleted images.")
    ] = False,
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Verify only this receipt, without server and archive.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Verify only this export, without server and archive.")
    ] = None,
    jwks: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Public keys for --receipt or --export. Default: CAPTIOND_SIGNING_KEYS."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also compare this file with the checksum in --receipt.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object per finding, and one with the result.")
    ] = False,
) -> None:
    """Check rows, files and seals, and find every accepted image.

    Lists unreadable, wrong, altered, deleted and added rows, altered and missing seals, and missing, altered,
    orphaned, lost and duplicated images. The exit status is 1 if there are any.
    """
    if _verify_file(receipt, export, jwks, image, fix=fix):
        return
    settings, out, started_at = load_settings(), _Output(as_json=as_json), datetime.now(UTC)
    keys = make_signing_keys(settings)
    with open_archive(settings) as archive, exit_if_hung(archive):
        archive.check_deployment()
        if fix and (deleted := archive.clean_up()):
            out.note(f"temporary files deleted: {deleted}")
        images = archive.count()
        # A new archive, which has no images directory yet, has no rows either.
        findings = archive.verify(measure=measure_viewed) if settings.images_dir.exists() else ()
        unfixed = _fix_leftovers(archive, findings, out) if fix else findings
        kinds = out.report(chain(unfixed, archive.seals.verify(keys)))
        if not keys.public and (last := archive.seals.last()) and last.signature:
            out.note("signatures of seals: not verified, because CAPTIOND_SIGNING_KEYS is not set")
        out.summarise("archive", kinds.total())
        try:
            with open_broker(settings) as broker:
                kinds += _verify_queues(broker, settings, archive, out)
                _store_report(broker, started_at, images, kinds)
        except OtherDeployment:
            raise
        except (QueueUnavailable, StackNotRunning) as error:
            out.note(f"queues: not checked: {error}")
            out.finish(kinds, images, complete=False)
            record(settings, "verify", result="incomplete", detail=f"archive: {_summarise(kinds.total())}")
            raise typer.Exit(1) from error
    out.finish(kinds, images, complete=True)
    record(settings, "verify", result="problems" if kinds else "ok", detail=_summarise(kinds.total()))
    if kinds:
        raise typer.Exit(1)


def _verify_file(
    receipt: Path | None, export: Path | None, jwks: Path | None, image: Path | None, *, fix: bool
) -> bool:
    """Verify the receipt or the export, and return whether there is one. Raises UsageError."""
    if receipt and export:
        raise UsageError("give either --receipt or --export")
    if fix and (receipt or export):
        raise UsageError("--fix changes the archive; leave out --receipt and --export")
    if image and not receipt:
        raise UsageError("--image needs --receipt")
    if jwks and not (receipt or export):
        raise UsageError("--jwks needs --receipt or --export")
    if receipt:
        verify_receipt(receipt, jwks, image)
    elif export:
        verify_export(export, jwks)
    return bool(receipt or export)


def _fix_leftovers(archive: Archive, findings: Iterable[Finding], out: _Output) -> Iterator[Finding]:
    """Delete the files of deleted images, and yield the other findings."""
    for finding in findings:
        if finding.is_of_deleted_image:
            archive.lifecycle.delete_leftover(finding.path)
            out.note(f"deleted: {finding.path}")
        else:
            yield finding


def _verify_queues(broker: Broker, settings: Settings, archive: Archive, out: _Output) -> Counter[str]:
    """Return the number of problems by kind. Raises QueueUnavailable, OtherDeployment."""
    require_one_deployment(broker.monitor, archive)
    kinds = out.report(find_discrepancies(broker.inventory, broker.monitor, archive))
    letters = chain.from_iterable(broker.dead_letters(queue) for queue in QUEUES)
    kinds += out.report(make_dead_letter_files(settings).find_problems(letters))
    out.summarise("queues", kinds.total())
    return kinds


def _store_report(broker: Broker, started_at: datetime, images: int, kinds: Counter[str]) -> None:
    """Store the result for the operations API. A full Redis does not change the exit status."""
    report = VerifyReport(
        started_at=started_at,
        finished_at=datetime.now(UTC),
        images=images,
        findings=kinds,
        version=version("captiond"),
        host=gethostname(),
    )
    try:
        store_report(broker.monitor, report)
    except QueueUnavailable as error:
        print_error(f"the result was not stored in Redis: {error}")


def _summarise(problems: int) -> str:
    return count(problems, "problem") if problems else "ok"
