"""Lists, creates and revokes API keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter

from captiond.access import ApiKey
from captiond.archive.keys import MAX_VALID_KEYS, KeyStore, NameTaken, TooManyKeys
from captiond.services.api.bodies.keys import CreatedKey, ListedKey, NewKey
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.http.problem_types import (
    INCOMPLETE_BODY,
    INVALID_REQUEST,
    KEY_NAME_TAKEN,
    KEYS_NOT_REQUIRED,
    MALFORMED_BODY,
    OPERATIONS_DISABLED,
    TOO_LARGE,
    TOO_MANY_KEYS,
    UNAVAILABLE,
    UNKNOWN_KEY,
)
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.operations_access import OperationsRoute
from captiond.services.api.security.access_control import AccessControl
from captiond.services.api.security.audit_trail import note

NOT_STORED = {"Cache-Control": "no-store"}
LISTED = TypeAdapter(list[ListedKey])
PROBLEMS = (OPERATIONS_DISABLED, KEYS_NOT_REQUIRED, INVALID_REQUEST, UNAVAILABLE)

router = APIRouter(tags=["keys"], route_class=OperationsRoute)


@router.get("/keys", summary="List API keys", response_model=list[ListedKey], responses=problem_responses(*PROBLEMS))
async def list_keys(
    request: Request,
    context: Context,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[UUID | None, Query(description="id of the last key of the previous page")] = None,
) -> Response:
    """Return keys, newest first, without their secrets. The Link header has the URL of the next page (RFC 8288)."""
    store = require_keys(context)
    keys = await context.archive_access.run(lambda: store.page(limit, before))
    headers = {}
    if len(keys) == limit:
        following = request.url.include_query_params(before=keys[-1].id)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    listed = LISTED.dump_json([ListedKey.of(key) for key in keys])
    return Response(listed, headers=headers, media_type="application/json")


@router.post(
    "/keys",
    summary="Create an API key",
    status_code=201,
    responses=problem_responses(*PROBLEMS, MALFORMED_BODY, INCOMPLETE_BODY, TOO_LARGE, KEY_NAME_TAKEN, TOO_MANY_KEYS),
)
async def create_key(request: Request, response: Response, context: Context, new: NewKey) -> CreatedKey:
    """Return the key with its secret, which is not shown again."""
    key, secret = await create(request, context, new)
    response.headers.update(NOT_STORED)
    return CreatedKey.of_new(key, secret)


@router.delete(
    "/keys/{key_id}",
    summary="Revoke an API key",
    status_code=204,
    response_class=Response,
    responses=problem_responses(*PROBLEMS, UNKNOWN_KEY),
)
async def revoke_key(key_id: UUID, request: Request, context: Context) -> None:
    """Every process refuses the key within a few seconds, also the key of this request."""
    await revoke(request, context, key_id)


async def create(request: Request, context: ApiContext, new: NewKey) -> tuple[ApiKey, str]:
    """Create a key. Returns it with its secret. Raises Problem."""
    note(request.scope, action="keys.create")
    store = require_keys(context)
    key, secret = new.make()
    try:
        await context.archive_access.run(lambda: store.create(key))
    except NameTaken as error:
        detail = f"A key named {new.name!r} exists; choose another name, or revoke it first."
        raise Problem(KEY_NAME_TAKEN, detail) from error
    except TooManyKeys as error:
        detail = f"There are {MAX_VALID_KEYS} valid keys, the maximum; revoke some first."
        raise Problem(TOO_MANY_KEYS, detail) from error
    note(request.scope, action="keys.create", detail=key.summary)
    return key, secret


async def revoke(request: Request, context: ApiContext, key_id: UUID) -> None:
    """Revoke a key. Raises Problem."""
    note(request.scope, action="keys.revoke", detail=str(key_id))
    store = require_keys(context)
    key = await context.archive_access.run(lambda: store.find(key_id))
    if key is None or not await context.archive_access.run(lambda: store.revoke(key_id)):
        raise Problem(UNKNOWN_KEY, UNKNOWN_KEY.example)
    note(request.scope, action="keys.revoke", detail=key.summary)
    access: AccessControl | None = request.app.state.access
    if access:
        await access.refresh()


def require_keys(context: ApiContext) -> KeyStore:
    """Return the table of keys. Raises Problem while no key is required.

    Otherwise a client that needs no key could create one that stays valid when keys are required.
    """
    if context.keys is None:
        raise Problem(KEYS_NOT_REQUIRED, KEYS_NOT_REQUIRED.example)
    return context.keys
