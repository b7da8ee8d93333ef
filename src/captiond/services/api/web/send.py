"""The view that sends images."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from captiond.access import Scope
from captiond.image import (
    LABEL_NAME,
    MAX_CAMERA_CHARACTERS,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    MAX_LABELS,
)
from captiond.services.api.context import Context
from captiond.services.api.uploads import BareRequestRoute, accept_upload
from captiond.services.api.web.options import PageOptions
from captiond.services.api.web.rendering import make_view, render

# The limits that scripts check before an upload, as data attributes of the form.
LIMITS = {
    "max-description": MAX_DESCRIPTION_CHARACTERS,
    "max-camera": MAX_CAMERA_CHARACTERS,
    "max-labels": MAX_LABELS,
    "max-label": MAX_LABEL_CHARACTERS,
    "label-name": LABEL_NAME.pattern,
}

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show_send(request: Request, context: Context, accepted: UUID | None = None) -> Response:
    """Show the view, or lead clients that may not send to their first view. `accepted` is an image to be reported."""
    page = make_view(request)
    if not page.may(Scope.UPLOAD):
        return RedirectResponse(page.url(page.first_view), HTTPStatus.SEE_OTHER)
    options: PageOptions = request.app.state.page
    limits = {**LIMITS, "max-upload-bytes": context.max_upload_bytes}
    return render(request, "send.html", limits=limits, caption_position=options.caption_position, accepted=accepted)


async def send_form(request: Request) -> Response:
    """Accept the form of a browser without JavaScript, and show the image, if the client may read it."""
    image, _ = await accept_upload(request)
    page = make_view(request)
    may_read = page.may(Scope.READ)
    url = page.url(f"/images/{image.id}") if may_read else page.url("/", accepted=str(image.id))
    return RedirectResponse(url, HTTPStatus.SEE_OTHER)


router.add_api_route("/", send_form, methods=["POST"], route_class_override=BareRequestRoute)
