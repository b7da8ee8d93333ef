"""Lists, creates and deletes webhooks. The page also enables them and replaces their secrets."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from captiond.archive.webhooks import TooManyWebhooks, WebhookNameTaken
from captiond.operations.webhooks import Webhooks, summarise
from captiond.services.api.bodies.images import Moment
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.http.paging import normalize_if_text
from captiond.services.api.http.problem_types import (
    INCOMPLETE_BODY,
    INVALID_REQUEST,
    INVALID_WEBHOOK,
    MALFORMED_BODY,
    OPERATIONS_DISABLED,
    TOO_LARGE,
    UNAVAILABLE,
    UNKNOWN_WEBHOOK,
    WEBHOOK_CONFLICT,
)
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.operations_access import OperationsRoute
from captiond.services.api.security.audit_trail import note
from captiond.webhooks import EventType, InvalidWebhook, Webhook
from captiond.webhooks.webhook import MAX_NAME_CHARACTERS

router = APIRouter(tags=["operations"], route_class=OperationsRoute)


class NewWebhook(BaseModel):
    """A webhook to create."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        str,
        Field(min_length=1, max_length=MAX_NAME_CHARACTERS, examples=["alarms"]),
        BeforeValidator(normalize_if_text),
    ]
    url: str = Field(description="https:// or http:// URL of the receiver", examples=["https://example.com/hook"])
    events: list[EventType] = Field(default_factory=lambda: list(EventType), min_length=1, max_length=10)


class ListedWebhook(BaseModel):
    """A webhook without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    url: str
    events: list[EventType]
    state: str = Field(description="`new`, `ok`, `failing` or `disabled`")
    disabled_reason: str | None
    result: str | None = Field(description="result of the last attempt")
    failures: int = Field(description="failed attempts since the last success")
    created_at: Moment
    attempted_at: Moment | None
    succeeded_at: Moment | None


class CreatedWebhook(ListedWebhook):
    """A new webhook with its secret, which no other response has."""

    secret: str


@router.get(
    "/webhooks", summary="List webhooks", responses=problem_responses(OPERATIONS_DISABLED, INVALID_REQUEST, UNAVAILABLE)
)
async def list_webhooks(context: Context) -> list[ListedWebhook]:
    """Return all webhooks with their last results, the oldest first."""
    found = await context.archive_access.run(require_webhooks(context).store.load_all)
    return [ListedWebhook.model_validate(webhook) for webhook in found]


@router.post(
    "/webhooks",
    summary="Create a webhook",
    status_code=201,
    responses=problem_responses(
        *(MALFORMED_BODY, INCOMPLETE_BODY, OPERATIONS_DISABLED, WEBHOOK_CONFLICT, TOO_LARGE),
        *(INVALID_REQUEST, INVALID_WEBHOOK, UNAVAILABLE),
    ),
)
async def create_webhook(request: Request, response: Response, context: Context, new: NewWebhook) -> CreatedWebhook:
    """Create a webhook, which gets every event from now on. The response has its secret."""
    try:
        made = await create(request, context, new)
    except InvalidWebhook as error:
        raise Problem(INVALID_WEBHOOK, str(error)) from error
    except (WebhookNameTaken, TooManyWebhooks) as error:
        raise Problem(WEBHOOK_CONFLICT, str(error)) from error
    response.headers["Cache-Control"] = "no-store"
    return CreatedWebhook(**ListedWebhook.model_validate(made).model_dump(), secret=made.secrets[0])


@router.delete(
    "/webhooks/{webhook_id}",
    summary="Delete a webhook",
    status_code=204,
    response_class=Response,
    responses=problem_responses(UNKNOWN_WEBHOOK, OPERATIONS_DISABLED, INVALID_REQUEST, UNAVAILABLE),
)
async def delete_webhook(request: Request, context: Context, webhook_id: UUID) -> None:
    """Delete a webhook. Its queued events are dropped."""
    await delete(request, context, webhook_id)


async def create(request: Request, context: ApiContext, new: NewWebhook) -> Webhook:
    """Create a webhook. Raises InvalidWebhook, WebhookNameTaken, TooManyWebhooks and Problem."""
    note(request.scope, action="webhooks.create")
    await context.redis.require_available()
    webhooks = require_webhooks(context)
    made = await context.archive_access.run(lambda: webhooks.create(new.name, new.url, new.events))
    note(request.scope, action="webhooks.create", detail=summarise(made))
    return made


async def delete(request: Request, context: ApiContext, webhook_id: UUID) -> None:
    """Delete a webhook. Raises Problem."""
    webhook = await find(context, webhook_id)
    note(request.scope, action="webhooks.delete", detail=summarise(webhook))
    await context.redis.require_available()
    webhooks = require_webhooks(context)
    if not await context.archive_access.run(lambda: webhooks.delete(webhook_id)):
        raise Problem(UNKNOWN_WEBHOOK, UNKNOWN_WEBHOOK.example)


async def rotate(request: Request, context: ApiContext, webhook: Webhook, *, only_newest: bool) -> str:
    """Replace the secret of a webhook and return the new one. Raises SecretsChanged and Problem."""
    note(request.scope, action="webhooks.rotate", detail=summarise(webhook))
    webhooks = require_webhooks(context)
    return await context.archive_access.run(lambda: webhooks.rotate(webhook, only_newest=only_newest))


async def enable(request: Request, context: ApiContext, webhook_id: UUID) -> None:
    """Continue the deliveries of a webhook. Raises Problem."""
    webhook = await find(context, webhook_id)
    note(request.scope, action="webhooks.enable", detail=summarise(webhook))
    await context.redis.require_available()
    webhooks = require_webhooks(context)
    await context.archive_access.run(lambda: webhooks.enable(webhook))


async def find(context: ApiContext, webhook_id: UUID) -> Webhook:
    """Return a webhook. Raises Problem."""
    for webhook in await context.archive_access.run(require_webhooks(context).store.load_all):
        if webhook.id == webhook_id:
            return webhook
    raise Problem(UNKNOWN_WEBHOOK, UNKNOWN_WEBHOOK.example)


def require_webhooks(context: ApiContext) -> Webhooks:
    """Return the webhooks. Raises Problem."""
    if context.webhooks is None:
        raise Problem(UNAVAILABLE, "This process has no webhooks.")
    return context.webhooks
