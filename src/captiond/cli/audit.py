"""`captiond audit`: lists the audit log."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from captiond.archive import WORKER_LIMITS, AuditEntry, AuditQuery, AuditStore
from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import UsageError
from captiond.cli.options import AsJsonLines
from captiond.operations.audit import write_entry
from captiond.times import show_time
from captiond.wiring.audit import open_audit_store

PAGE = 1000
_PERIOD = re.compile(r"(\d{1,5})([mhdw])")
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}


def audit(  # noqa: PLR0913 - options of a command
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Period such as 30m, 12h or 7d, or a date or time.")
    ] = None,
    who: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of a key or user, id of a key, or address.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(metavar="NAME", help="Such as upload, read.image or keys.create.")
    ] = None,
    image: Annotated[UUID | None, typer.Option(metavar="ID", help="Id of an image.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of entries.")] = 100,
    as_json: AsJsonLines = False,
) -> None:
    """List the audit log, newest first: who uploaded, read and changed what."""
    start = None if since is None else parse_since(since, datetime.now(UTC))
    query = AuditQuery(limit, since=start, who=who, action=action, image_id=image)
    out = console()
    found = False
    with open_audit_store(load_settings(), WORKER_LIMITS) as store:
        for entry in _read(store, query):
            found = True
            if as_json:
                typer.echo(write_entry(entry))
            else:
                print_line(out, _describe(entry), hanging=4)
    if not found and not as_json:
        out.print("no entries")


def _read(store: AuditStore, query: AuditQuery) -> Iterator[AuditEntry]:
    """Read entries in pages, so that any number takes little memory."""
    left, before = query.limit, None
    while left:
        page = store.page(AuditQuery(min(left, PAGE), before, query.since, query.who, query.action, query.image_id))
        yield from page
        if len(page) < min(left, PAGE):
            return
        left, before = left - len(page), page[-1].id


def _describe(entry: AuditEntry) -> str:
    parts = [show_time(entry.recorded_at), entry.action, entry.result]
    parts.append(f"actor={entry.actor or '-'} address={entry.address or '-'}")
    if entry.image_id:
        parts.append(f"image={entry.image_id}")
    if entry.key_id:
        parts.append(f"key={entry.key_id}")
    return "  ".join([*parts, *([entry.detail] if entry.detail else [])])


def parse_since(text: str, now: datetime) -> datetime:
    """Return the time before a period, or a time with offset, or the start of a date in UTC. Raises UsageError."""
    try:
        if period := _PERIOD.fullmatch(text):
            return now - timedelta(minutes=int(period[1]) * _MINUTES[period[2]])
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--since: {text!r} is neither a period such as 7d nor a date such as 2030-12-31") from error
