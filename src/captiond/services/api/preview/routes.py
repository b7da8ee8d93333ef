"""The endpoint of previews."""

from fastapi import APIRouter, Request, Response

from captiond.services.api.context import ApiContext
from captiond.services.api.http.json_body import MAX_BODY_BYTES
from captiond.services.api.http.problem_types import (
    CROSS_SITE,
    INVALID_REQUEST,
    MALFORMED_BODY,
    OVERLOADED,
    PREVIEW_UNAVAILABLE,
    RATE_LIMITED,
    TOO_LARGE,
)
from captiond.services.api.http.problems import CLOSE, FieldError, Problem, problem_responses
from captiond.services.api.preview.drawing import StripTooLarge
from captiond.services.api.preview.request import PREVIEW_BODY, WIDTH, read_preview
from captiond.services.api.security.rate_limit import name_client, require_rate
from captiond.services.api.uploads import BareRequestRoute

router = APIRouter(tags=["images"], route_class=BareRequestRoute)
_HEADERS = {"Cache-Control": "no-store"}


@router.post(
    "/preview",
    response_class=Response,
    summary="Preview a caption",
    responses={
        200: {
            "description": "the strip with its width and height in pixels",
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problem_responses(
            MALFORMED_BODY, CROSS_SITE, TOO_LARGE, INVALID_REQUEST, RATE_LIMITED, OVERLOADED, PREVIEW_UNAVAILABLE
        ),
    },
    openapi_extra={"requestBody": PREVIEW_BODY},
)
async def preview(request: Request) -> Response:
    """Draw the strip that a captioner with the same settings draws for a photo of this width. Nothing is stored.

    The time of receipt is the current time, and the id is a sample. If the strip lies before the first row of the
    stored photo, for example with the setting `above`, the captioner adds up to 15 rows of background to it.
    """
    context: ApiContext = request.app.state.context
    require_rate(context.preview_rate, name_client(request.scope), CLOSE)
    with context.upload_memory.reserve(MAX_BODY_BYTES):
        parsed = await read_preview(request)
    try:
        png = await context.strips.draw_png(parsed.image, parsed.width_px, context.request_seconds)
    except StripTooLarge as error:
        raise Problem.invalid([FieldError(field=WIDTH, detail=str(error))]) from error
    return Response(png, headers=_HEADERS, media_type="image/png")
