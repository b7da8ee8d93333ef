"""The view of the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import QueryParams

from captiond.archive import AuditEntry, AuditQuery
from captiond.image import YEARS
from captiond.services.api.context import Context
from captiond.services.api.http.problems import FieldError, Problem
from captiond.services.api.web.audit_texts import TEXTS, describe_action
from captiond.services.api.web.marking import mark as _
from captiond.services.api.web.operations_route import OperationsPageRoute
from captiond.services.api.web.rendering import make_view, render

PAGE_ENTRIES = 50
MAX_CHARACTERS = 255
_ERRORS = 400

router = APIRouter(include_in_schema=False, route_class=OperationsPageRoute)


@dataclass(frozen=True, slots=True)
class AuditForm:
    """The filters as entered, and the error of each invalid one, to be translated."""

    values: Mapping[str, str]
    errors: Mapping[str, str]

    @classmethod
    def parse(cls, parameters: QueryParams) -> "AuditForm":
        """Read the query string. Ignores unknown parameters."""
        names = ("since", "who", "action", "image")
        values = {name: parameters.get(name, "").replace("\0", "").strip()[:MAX_CHARACTERS] for name in names}
        errors = {}
        if values["since"] and _parse_date(values["since"]) is None:
            errors["since"] = _("Enter a date in the form YYYY-MM-DD.")
        if values["image"] and _parse_id(values["image"]) is None:
            errors["image"] = _("Enter the ID of an image.")
        return cls(values, errors)

    def suffix(self, **more: str) -> str:
        """The query string of a link that keeps the filters, with its question mark."""
        pairs = {name: value for name, value in {**self.values, **more}.items() if value}
        return f"?{urlencode(pairs)}" if pairs else ""

    def to_query(self, zone: tzinfo, before: UUID | None) -> AuditQuery:
        """Convert valid fields. A day starts at midnight in `zone`."""
        values = self.values
        day = _parse_date(values["since"])
        return AuditQuery(
            limit=PAGE_ENTRIES + 1,  # shows whether there is a next page
            before=before,
            since=datetime.combine(day, time(), zone).astimezone(UTC) if day else None,
            who=values["who"] or None,
            action=values["action"] or None,
            image_id=_parse_id(values["image"]),
        )


@router.get("/ops/audit")
async def show_audit_log(request: Request, context: Context) -> HTMLResponse:
    """Show a page of entries. Invalid filters are shown beside their fields, with status 422."""
    page, form = make_view(request), AuditForm.parse(request.query_params)
    query = form.to_query(page.zone, _read_position(request))
    audit, entries = context.audit, list[AuditEntry]()
    if audit and not form.errors:
        entries = await context.archive_access.run(lambda: audit.log.store.page(query))
    shown = entries[:PAGE_ENTRIES]
    return render(
        request,
        "operations/audit.html",
        422 if form.errors else 200,
        form=form,
        entries=shown,
        older=form.suffix(before=str(shown[-1].id)) if len(entries) > len(shown) else None,
        is_first=query.before is None,
        actions=TEXTS,
        describe=describe_action,
        has_failed=_has_failed,
    )


def _has_failed(entry: AuditEntry) -> bool:
    """Return whether the result is the status of an error over HTTP or FTP, or names a failure."""
    if entry.result.isdigit():
        return int(entry.result) >= _ERRORS
    return entry.result in {"lost", "disconnected", "problems", "incomplete"}


def _read_position(request: Request) -> UUID | None:
    """Raise Problem for an invalid position, which only a link has."""
    text = request.query_params.get("before", "")
    if text and _parse_id(text) is None:
        raise Problem.invalid([FieldError(field="before", detail="is not the id of an entry")])
    return _parse_id(text)


def _parse_date(text: str) -> date | None:
    try:
        parsed = date.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.year in YEARS else None


def _parse_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
