"""Deletes archived images, and protects them from deletion."""

from contextlib import suppress
from typing import Annotated, NoReturn
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from captiond.archive import Actor
from captiond.operations.deletion import ImageDeletion
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.dependency import Unavailable
from captiond.services.api.http.problem_types import (
    IMAGE_DELETED,
    IMAGE_FAILED,
    IMAGE_HELD,
    IN_FLIGHT,
    INVALID_REQUEST,
    OPERATIONS_DISABLED,
    UNAVAILABLE,
    UNKNOWN_IMAGE,
)
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.image_lookup import with_archived
from captiond.services.api.operations_access import OperationsRoute
from captiond.services.api.security.access_control import get_principal
from captiond.services.api.security.audit_trail import note

router = APIRouter(tags=["images"], route_class=OperationsRoute)

Reason = Annotated[
    str | None,
    Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="the reason, without control characters"),
]
MISSING = (UNKNOWN_IMAGE, IN_FLIGHT, IMAGE_FAILED, IMAGE_DELETED)
PROBLEMS = (*MISSING, INVALID_REQUEST, OPERATIONS_DISABLED, UNAVAILABLE)


@router.delete(
    "/images/{image_id}",
    summary="Delete an image for good",
    status_code=204,
    response_class=Response,
    responses=problem_responses(*PROBLEMS, IMAGE_HELD),
)
async def delete(image_id: UUID, request: Request, context: Context, reason: Reason = None) -> None:
    """Delete an image with its original and thumbnail. Its times and checksums remain.

    The image is deleted on return. The archiver deletes its files within a few seconds.
    """
    await delete_image(request, context, image_id, reason)


@router.put(
    "/images/{image_id}/hold",
    summary="Put a legal hold on an image",
    status_code=204,
    response_class=Response,
    responses=problem_responses(*PROBLEMS),
)
async def hold(image_id: UUID, request: Request, context: Context, reason: Reason = None) -> None:
    """Prevent the deletion of an image. An existing hold stays as it is."""
    await hold_image(request, context, image_id, reason)


@router.delete(
    "/images/{image_id}/hold",
    summary="Release an image from its legal hold",
    status_code=204,
    response_class=Response,
    responses=problem_responses(*PROBLEMS),
)
async def release(image_id: UUID, request: Request, context: Context) -> None:
    """Allow the deletion of an image again. Without a hold, nothing changes."""
    await release_image(request, context, image_id)


async def delete_image(request: Request, context: ApiContext, image_id: UUID, reason: str | None) -> None:
    """Delete an image for the client of a request. Raises Problem."""
    actor = _make_actor(request, "images.delete", image_id, reason)
    deleted = await context.archive_access.run(lambda: context.archive.lifecycle.delete([image_id], actor))
    if deleted.held:
        raise Problem(IMAGE_HELD, IMAGE_HELD.example)
    if not deleted.sizes:
        await _explain_missing(image_id, context)
    deletion = ImageDeletion(context.archive, context.jobs, context.monitor, context.thumbnails.cache)
    with suppress(Unavailable):  # the archiver does it later
        await context.redis.run(lambda: deletion.announce(deleted.sizes.keys(), sum(deleted.sizes.values())))


async def hold_image(request: Request, context: ApiContext, image_id: UUID, reason: str | None) -> None:
    """Hold an image for the client of a request. Raises Problem."""
    actor = _make_actor(request, "images.hold", image_id, reason)
    if not await context.archive_access.run(lambda: context.archive.lifecycle.hold(image_id, actor)):
        await _explain_missing(image_id, context)


async def release_image(request: Request, context: ApiContext, image_id: UUID) -> None:
    """Release an image from its hold. Raises Problem."""
    note(request.scope, action="images.unhold", image_ids=[image_id])
    if not await context.archive_access.run(lambda: context.archive.lifecycle.release(image_id)):
        await _explain_missing(image_id, context)


def _make_actor(request: Request, action: str, image_id: UUID, reason: str | None) -> Actor:
    note(request.scope, action=action, image_ids=[image_id], detail=reason)
    return Actor(get_principal(request.scope).name, reason or None)


async def _explain_missing(image_id: UUID, context: ApiContext) -> NoReturn:
    """Raise the problem of an image that is not archived. One that is archived meanwhile counts as in flight."""
    await with_archived(image_id, context, lambda image: image)
    raise Problem(IN_FLIGHT, IN_FLIGHT.example)
