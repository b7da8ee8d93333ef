"""`captiond events`: follows the status changes of all images."""

import re
from itertools import islice
from typing import Annotated

import typer

from captiond.cli.api_client import connect
from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import UsageError, print_error
from captiond.cli.json_output import print_json_lines
from captiond.cli.options import AsJsonLines, Url
from captiond.client import Event, Retries, Unavailable
from captiond.client.values import to_document

MAX_ATTEMPTS = 16
EVENT_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


def _report_outage(failure: Unavailable, attempts: int) -> None:
    """Print the start of an outage, because the command retries for minutes before it fails."""
    if attempts == 1:
        print_error(f"{failure}; retrying")


def events(
    *,
    after: Annotated[
        str | None,
        typer.Option(metavar="EVENT", help="Event id after which to resume.", show_default="only new events"),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--count", min=1, help="Stop after this number of events.", show_default="no limit")
    ] = None,
    as_json: AsJsonLines = False,
    url: Url = None,
) -> None:
    """Follow the status changes of all images.

    Resumes after a broken connection; may then repeat the last changes, and misses none.
    Each line starts with the event id, for --after.
    """
    if after is not None and not EVENT_ID.fullmatch(after):
        raise UsageError(f"--after: {after!r} is not an event id, such as 1795794846800-0")
    out = console()
    with connect(load_settings(), url, retries=Retries(MAX_ATTEMPTS, on_failure=_report_outage)) as client:
        for event in islice(client.events(last_event_id=after, fields=True), number):
            if as_json:
                print_json_lines([to_document(event)])
            else:
                print_line(out, _describe(event))


def _describe(event: Event) -> str:
    texts = [event.event_id, event.id, event.status]
    texts += [f"camera={event.camera}"] if event.camera else []
    texts += [f"{name}={text}" for name, text in event.labels.items()]
    return "  ".join(texts)
