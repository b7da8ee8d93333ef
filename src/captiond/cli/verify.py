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

from captiond.archive import Archive, ArchiveUnavailable, Finding
from captiond.cli.auditing import record
from captiond.cli.console import load_settings
from captiond.cli.errors import UsageError, print_error
from captiond.cli.exported import verify_export
from captiond.cli.findings import FindingOutput, describe_problems
from captiond.cli.hung_database import exit_if_hung
from captiond.cli.options import AsJsonLines
from captiond.cli.receipt import verify_receipt
from captiond.imaging import measure_viewed
from captiond.operations.deployment import require_one_deployment
from captiond.operations.reconcile import find_discrepancies
from captiond.operations.verify_report import VerifyReport, store_report
from captiond.pipeline import QUEUES
from captiond.settings import Settings, StackNotRunning
from captiond.wiring.archives import open_archive
from captiond.wiring.queues import make_dead_letter_files, open_broker
from captiond.wiring.signing import make_signing_keys
from captiond.workqueue import Broker
from captiond.workqueue.errors import OtherDeployment, QueueUnavailable


def verify(  # noqa: PLR0913 - options of a command
    fix: Annotated[
        bool, typer.Option("--fix", help="Delete temporary files of crashed writers, and files of deleted images.")
    ] = False,
    backup: Annotated[
        bool, typer.Option("--backup", help="Check rows, files and seals of a backup, without the queues.")
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
    as_json: AsJsonLines = False,
) -> None:
    """Check rows, files and seals, and find every accepted image.

    Lists unreadable, wrong, altered, deleted and added rows, altered and missing seals, and missing, altered,
    orphaned, lost and duplicated images. The exit status is 1 if there are any.
    """
    if _verify_file(receipt, export, jwks, image, of_archive=fix or backup, as_json=as_json):
        return
    settings, out, started_at = load_settings(), FindingOutput(as_json=as_json), datetime.now(UTC)
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
            if not backup:
                with open_broker(settings) as broker:
                    kinds += _verify_queues(broker, settings, archive, out)
                    _store_report(broker, started_at, images, kinds)
        except OtherDeployment:
            raise
        except (QueueUnavailable, StackNotRunning) as error:
            out.note(f"queues: not checked: {error}")
            out.finish(kinds, {"complete": False, "images": images}, ok=False)
            record(settings, "verify", result="incomplete", detail=f"archive: {describe_problems(kinds.total())}")
            raise typer.Exit(1) from error
    out.finish(kinds, {"complete": not backup, "images": images})
    record(settings, "verify", result="problems" if kinds else "ok", detail=describe_problems(kinds.total()))
    if kinds:
        raise typer.Exit(1)


def _verify_file(  # noqa: PLR0913 - one per option
    receipt: Path | None, export: Path | None, jwks: Path | None, image: Path | None, *, of_archive: bool, as_json: bool
) -> bool:
    """Verify the receipt or the export, and return whether there is one. Raises UsageError."""
    if receipt and export:
        raise UsageError("give either --receipt or --export")
    if of_archive and (receipt or export):
        raise UsageError("--fix and --backup concern the archive; leave out --receipt and --export")
    if image and not receipt:
        raise UsageError("--image needs --receipt")
    if jwks and not (receipt or export):
        raise UsageError("--jwks needs --receipt or --export")
    if receipt:
        verify_receipt(receipt, jwks, image, as_json=as_json)
    elif export:
        verify_export(export, jwks, as_json=as_json)
    return bool(receipt or export)


def _fix_leftovers(archive: Archive, findings: Iterable[Finding], out: FindingOutput) -> Iterator[Finding]:
    """Delete the files of deleted images, and yield the other findings, and those that cannot be deleted."""
    for finding in findings:
        if not finding.is_of_deleted_image:
            yield finding
            continue
        try:
            archive.lifecycle.delete_leftover(finding.path)
        except ArchiveUnavailable as error:
            out.note(f"not deleted: {error}")
            yield finding
        else:
            out.note(f"deleted: {finding.path}")


def _verify_queues(broker: Broker, settings: Settings, archive: Archive, out: FindingOutput) -> Counter[str]:
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
