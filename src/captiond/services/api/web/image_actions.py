"""Holds, releases and deletes an image from the forms of its view, which work without JavaScript."""

import re
from typing import Literal, cast, get_args
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from captiond.archive.records import REASON_LENGTH
from captiond.services.api.context import Context
from captiond.services.api.http.problems import FieldError, Problem
from captiond.services.api.lifecycle import delete_image, hold_image, release_image
from captiond.services.api.web.filters import FilterForm
from captiond.services.api.web.forms import last, parse_fields
from captiond.services.api.web.operations_route import OperationsPageRoute
from captiond.services.api.web.rendering import make_view, render

SEE_OTHER = 303
Action = Literal["hold", "release", "delete"]
_CONTROLS = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

router = APIRouter(include_in_schema=False, route_class=OperationsPageRoute)


@router.post("/images/{image_id}")
async def change_image(image_id: UUID, request: Request, context: Context) -> Response:
    """Change an image and show it. Asks before, unless the form is confirmed."""
    fields = parse_fields(await request.body())
    action = last(fields, "action")
    if action not in get_args(Action):
        detail = f"{action[:40]!r} is none of hold, release and delete"
        raise Problem.invalid([FieldError(field="action", detail=detail)])
    page, filters = make_view(request), FilterForm.parse(request.query_params)
    image_url = page.url(f"/images/{image_id}") + filters.suffix()
    if "confirmed" not in fields:
        return render(request, "image_confirm.html", action=action, image_url=image_url, reason_length=REASON_LENGTH)
    reason = _check_reason(last(fields, "reason"))
    match cast("Action", action):
        case "hold":
            await hold_image(request, context, image_id, reason)
        case "release":
            await release_image(request, context, image_id)
        case "delete":
            await delete_image(request, context, image_id, reason)
    return RedirectResponse(image_url, SEE_OTHER)


def _check_reason(text: str) -> str | None:
    if len(text) > REASON_LENGTH or _CONTROLS.search(text):
        detail = f"must have at most {REASON_LENGTH} characters, and no control characters"
        raise Problem.invalid([FieldError(field="reason", detail=detail)])
    return text or None
