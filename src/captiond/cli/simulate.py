"""`captiond simulate`: sends the images of simulated cameras."""

from datetime import datetime
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from captiond.cli.api_client import connect
from captiond.cli.console import console, count, load_settings
from captiond.cli.errors import UsageError, escape
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJson, Url
from captiond.image import YEAR_RULE, is_capture_time
from captiond.simulator import Plan, Protocol, Report, Result, Target, run
from captiond.stop_signal import stop_on_signals
from captiond.times import rfc3339

# A report takes 4 bytes per image.
MAX_IMAGES = 1_000_000
MAX_CAMERAS = 1000
HTTP_FORMATS = [Protocol.MULTIPART, Protocol.RAW, Protocol.JSON]
COLUMNS = ("protocol", "sent", "accepted", "refused", "p50 ms", "p95 ms", "p99 ms", "max ms")


def simulate(  # noqa: PLR0913, PLR0917 - one per option
    cameras: Annotated[int, typer.Option(min=1, max=MAX_CAMERAS, help="Number of cameras.")] = 10,
    rate: Annotated[float, typer.Option(min=0.01, max=10_000, help="Images per second of all cameras.")] = 10.0,
    seconds: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.1, help="Duration.", show_default="10")
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Number of images, instead of the duration.")] = None,
    protocol: Annotated[
        list[Protocol] | None,
        typer.Option(help="Protocol; repeatable. Cameras use them in turn.", show_default="multipart, raw, json"),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed and start give the same frames and texts.")] = 1,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time of the first image, in RFC 3339 format.", show_default="now"),
    ] = None,
    url: Url = None,
    ftp_url: Annotated[
        str | None, typer.Option(metavar="URL", help="ftp://USER:PASSWORD@HOST:PORT, for the protocol ftp.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send images of simulated traffic cameras.

    The frames show a street with cars. The texts are in Russian and English. A repeated run with the same seed and
    start sends the same images, which are archived once. The exit status is 1 if any image was not accepted.
    """
    protocols = protocol or HTTP_FORMATS
    if images is not None and seconds is not None:
        raise UsageError("give either --seconds or --images")
    total = images or max(1, round(rate * (seconds or 10.0)))
    if total > MAX_IMAGES:
        raise UsageError(f"{total:,} images are too many; the limit is {MAX_IMAGES:,}")
    ftp = _parse_ftp_url(ftp_url or "") if Protocol.FTP in protocols else None
    settings = load_settings()
    plan = Plan(cameras, rate, total, _parse_start(start).astimezone(ZoneInfo(settings.timezone)), seed)
    key = settings.api_key.get_secret_value() if settings.api_key else None
    with connect(settings, url) as client:  # checks URL and key; each camera has a separate client
        report = _run(plan, protocols, Target(url or settings.api_url, ftp, key))
    if as_json:
        print_json(_describe(report, plan, client.shown_url))
    else:
        _print(report, plan, client.shown_url)
    if report.accepted < report.sent:
        raise typer.Exit(1)


def _parse_ftp_url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        is_valid = url.scheme == "ftp" and bool(url.hostname) and url.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise UsageError("--ftp-url: the protocol ftp needs a URL such as ftp://USER:PASSWORD@HOST:2121")
    return url


def _parse_start(text: str | None) -> datetime:
    if text is None:
        return datetime.now().astimezone().replace(microsecond=0)
    try:
        start = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--start: {text!r} is not a time such as 2026-11-26T10:45:01+03:00") from error
    if start.tzinfo is None:
        raise UsageError(f"--start: {text!r} has no offset from UTC, such as +03:00 or Z")
    if not is_capture_time(start):
        raise UsageError(f"--start: {text!r} is no time of capture; {YEAR_RULE}")
    return start


def _run(plan: Plan, protocols: list[Protocol], target: Target) -> Report:
    """Send the images with a progress bar on stderr if it is a terminal. Ctrl-C ends the run and prints the report."""
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task("", total=plan.count)
        return run(plan, protocols, target, stop_on_signals(), lambda sent: bar.update(task, completed=sent))


def _describe(report: Report, plan: Plan, url: str) -> dict[str, object]:
    refusals = [{"protocol": name, "reason": text, "images": number} for name, text, number in report.refusals()]
    return {
        "url": url,
        "cameras": plan.cameras,
        "seed": plan.seed,
        "start": rfc3339(plan.start),
        "planned_rate": plan.rate,
        "seconds": round(report.seconds, 3),
        "rate": round(report.rate, 3),
        "sent": report.sent,
        "accepted": report.accepted,
        "protocols": [result._asdict() for result in report.results()],
        "refusals": refusals,
    }


def _print(report: Report, plan: Plan, url: str) -> None:
    """Print a table that fits 80 columns."""
    lines = [
        f"{count(plan.cameras, 'camera')}, seed {plan.seed}, start {plan.start.isoformat()}",
        f"{report.accepted:,} of {count(report.sent, 'image')} accepted in {report.seconds:.1f} s at {url}",
        f"{report.rate:.1f} images per second (planned: {plan.rate:g})",
        "",
    ]
    rows = [COLUMNS, *map(_to_row, report.results())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append("  ".join((name.ljust(widths[0]), *numbers)))
    lines += [f"refused: {number:,} × {name} {text}" for name, text, number in report.refusals()]
    out = console()
    for line in lines:
        out.print(escape(line), markup=False, highlight=False, soft_wrap=True)


def _to_row(result: Result) -> tuple[str, ...]:
    protocol, *counts = result[:4]
    return (str(protocol), *(f"{number:,}" for number in counts), *(f"{time_ms:,.1f}" for time_ms in result[4:]))
