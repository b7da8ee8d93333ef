"""The view of webhooks: lists, creates, enables, deletes them and replaces their secrets, without JavaScript too."""

from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from captiond.archive.webhooks import SecretsChanged, TooManyWebhooks, WebhookNameTaken
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.web.forms import EnteredForm, last, parse_fields
from captiond.services.api.web.marking import mark as _
from captiond.services.api.web.operations_route import OperationsPageRoute
from captiond.services.api.web.rendering import render
from captiond.services.api.webhooks import NewWebhook, create, delete, enable, find, require_webhooks, rotate
from captiond.webhooks import EventType, InvalidWebhook, Webhook, check_name, check_url

SEE_OTHER = 303
CONFLICT = 409

router = APIRouter(include_in_schema=False, route_class=OperationsPageRoute)


ERRORS = {
    "name": _("Enter a name of 1 to 40 printable characters."),
    "url": _("Enter a URL such as https://example.com/hook, without a user, a password and a fragment."),
    "events": _("Choose at least one event."),
}
NAME_TAKEN = _("Another webhook has this name.")
TOO_MANY = _("There are too many webhooks. Delete some first.")
EMPTY = EnteredForm(chosen=tuple(EventType))
CHECKS: dict[str, Callable[[str], str]] = {"name": check_name, "url": check_url}


@router.get("/ops/webhooks")
async def show_webhooks(request: Request, context: Context) -> Response:
    return await _show(request, context)


@router.post("/ops/webhooks")
async def create_webhook(request: Request, context: Context) -> Response:
    """Create a webhook and show its secret, once. Invalid fields are shown with their errors."""
    fields = parse_fields(await request.body())
    form = EnteredForm({name: last(fields, name) for name in CHECKS}, fields.get("event", ()))
    new = _validate(form)
    if isinstance(new, EnteredForm):
        return await _show(request, context, 422, form=new)
    try:
        webhook = await create(request, context, new)
    except (WebhookNameTaken, TooManyWebhooks) as error:
        text = NAME_TAKEN if isinstance(error, WebhookNameTaken) else TOO_MANY
        return await _show(request, context, 422, form=form.with_errors({"name": text}))
    return await _show(request, context, 201, changed=webhook, secret=webhook.secrets[0])


@router.get("/ops/webhooks/{webhook_id}/rotate")
async def ask_before_rotation(webhook_id: UUID, request: Request, context: Context) -> Response:
    """Ask. Links and logins lead here."""
    return _ask(request, "rotate", await find(context, webhook_id))


@router.post("/ops/webhooks/{webhook_id}/rotate")
async def rotate_secret(webhook_id: UUID, request: Request, context: Context) -> Response:
    """Replace the secret and show the new one, once. Asks before, unless the form is confirmed for the current secret.

    Otherwise a reload of the response would replace it again, and invalidate the secret that the receiver has. If the
    response was lost, nobody has the newest secret. Then only that one can be replaced.
    """
    fields = parse_fields(await request.body())
    confirmed = last(fields, "confirmed")
    webhook = await find(context, webhook_id)
    if confirmed != _confirmation(webhook):
        return _ask(request, "rotate", webhook, is_repeated=confirmed != "")
    try:
        secret = await rotate(request, context, webhook, only_newest=last(fields, "only") == "newest")
    except SecretsChanged:
        return _ask(request, "rotate", await find(context, webhook_id), CONFLICT, is_repeated=True)
    return await _show(request, context, changed=webhook, secret=secret)


@router.post("/ops/webhooks/{webhook_id}/enable")
async def enable_webhook(webhook_id: UUID, request: Request, context: Context) -> Response:
    await enable(request, context, webhook_id)
    return _return_to_view(request, "enabled")


@router.get("/ops/webhooks/{webhook_id}/delete")
async def ask_before_deletion(webhook_id: UUID, request: Request, context: Context) -> Response:
    """Ask. Links and logins lead here."""
    return _ask(request, "delete", await find(context, webhook_id))


@router.post("/ops/webhooks/{webhook_id}/delete")
async def delete_webhook(webhook_id: UUID, request: Request, context: Context) -> Response:
    """Delete a webhook. Asks before, unless the form is confirmed."""
    if "confirmed" not in parse_fields(await request.body()):
        return await ask_before_deletion(webhook_id, request, context)
    await delete(request, context, webhook_id)
    return _return_to_view(request, "deleted")


async def _show(  # noqa: PLR0913 - what the view shows
    request: Request,
    context: ApiContext,
    status: int = 200,
    *,
    form: EnteredForm = EMPTY,
    changed: Webhook | None = None,
    secret: str | None = None,
) -> Response:
    return render(
        request,
        "operations/webhooks.html",
        status,
        has_secret=True,  # URLs may contain tokens
        form=form,
        webhooks=await context.archive_access.run(require_webhooks(context).store.load_all),
        changed=changed,
        secret=secret,
        done=request.query_params.get("done"),
    )


def _ask(request: Request, action: str, webhook: Webhook, status: int = 200, *, is_repeated: bool = False) -> Response:
    return render(
        request,
        "operations/confirm_webhook_change.html",
        status,
        action=action,
        webhook=webhook,
        confirmation=_confirmation(webhook),
        is_repeated=is_repeated,
    )


def _confirmation(webhook: Webhook) -> str:
    """Return a text that changes with the secret, and does not reveal it."""
    return sha256(webhook.secrets[0].encode()).hexdigest()[:16]


def _return_to_view(request: Request, done: str) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/ops/webhooks?done={done}", SEE_OTHER)


def _validate(form: EnteredForm) -> NewWebhook | EnteredForm:
    """Return the new webhook that the form describes, or the form with its errors."""
    errors = {}
    for name, check in CHECKS.items():
        try:
            check(form.values[name])
        except InvalidWebhook:
            errors[name] = ERRORS[name]
    try:
        new = NewWebhook.model_validate({**form.values, "events": list(form.chosen)})
    except ValidationError as error:
        errors |= {name: ERRORS[name] for name in (str(each["loc"][0]) for each in error.errors())}
    return form.with_errors(errors) if errors else new
