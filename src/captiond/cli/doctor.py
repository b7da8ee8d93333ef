"""`captiond doctor`: checks what the services of this machine or container need."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from captiond.cli import checks
from captiond.cli.checks import Check, Finding, run_check
from captiond.cli.console import console, print_wrapped
from captiond.cli.errors import FAILED_STATUS, escape
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJson
from captiond.settings import Settings, load_settings

Role = Literal["all", "api", "captioner", "archiver", "ftp", "notifier"]
ALL = frozenset({"all", "api", "captioner", "archiver", "ftp", "notifier"})
# Name, check, and the roles that need it.
CHECKS: tuple[tuple[str, Check, frozenset[str]], ...] = (
    ("versions", checks.check_versions, ALL),
    ("settings", checks.check_settings, ALL),
    ("font", checks.check_font, frozenset({"all", "api", "captioner"})),
    ("scan decoder", checks.check_decoder, frozenset({"all", "api", "captioner"})),
    ("Redis", checks.check_redis, ALL),
    ("database", checks.check_database, ALL - {"captioner"}),
    ("archive", checks.check_readable_archive, frozenset({"api"})),
    ("archive", checks.check_writable_archive, frozenset({"all", "archiver"})),
    ("deployment", checks.check_deployment, ALL - {"captioner"}),
    ("directories", checks.check_directories, ALL),
)
# Indent of continued lines of a result.
HANGING = 9
STYLES = {"ok": "green", "warning": "yellow", "error": "red"}


def doctor(
    role: Annotated[Role | None, typer.Option(help="Check what this service needs. Default: CAPTIOND_ROLE.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, font, Redis, database, archive and directories.

    The exit status is 1 if a check finds an error, and 2 for an invalid setting. Warnings do not change it.
    """
    settings = load_settings()
    if role is not None:
        settings = settings.model_copy(update={"role": role})
    found = {
        name: run_check(check, settings) or [Finding("ok")] for name, check, roles in CHECKS if settings.role in roles
    }
    failed = any(finding.level == "error" for findings in found.values() for finding in findings)
    if as_json:
        print_json(_describe(settings, found, failed=failed))
    else:
        _print(console(), settings, found)
    if failed:
        raise typer.Exit(FAILED_STATUS)


def _print(out: Console, settings: Settings, found: dict[str, list[Finding]]) -> None:
    if settings.role != "all":
        out.print(f"role: {settings.role}", highlight=False)
    for name, findings in found.items():
        for finding in _without_contradictions(findings):
            detail = escape(" ".join(finding.detail.split()))
            label = (f"{finding.level:<7}", STYLES[finding.level])
            print_wrapped(out, Text.assemble(label, f"  {name}{': ' if detail else ''}{detail}"), hanging=HANGING)


def _without_contradictions(findings: list[Finding]) -> list[Finding]:
    """Drop what is right about a part that has an error."""
    has_error = any(finding.level == "error" for finding in findings)
    return [finding for finding in findings if not (has_error and finding.level == "ok")]


def _describe(settings: Settings, found: dict[str, list[Finding]], *, failed: bool) -> dict[str, object]:
    return {
        "role": settings.role,
        "ok": not failed,
        "checks": [{"check": name, **asdict(finding)} for name, findings in found.items() for finding in findings],
    }
