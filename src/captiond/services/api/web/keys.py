"""The view of API keys: lists, creates and revokes them, with forms that work without JavaScript."""

import re
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from captiond.access import ApiKey, Scope
from captiond.archive.keys import KeyStore
from captiond.services.api.bodies.keys import NewKey
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.http.problem_types import KEY_NAME_TAKEN, TOO_MANY_KEYS, UNKNOWN_KEY
from captiond.services.api.http.problems import Problem
from captiond.services.api.keys import NOT_STORED, create, require_keys, revoke
from captiond.services.api.security.access_control import get_principal
from captiond.services.api.security.session_cookie import set_session
from captiond.services.api.web.forms import EnteredForm, last, parse_fields
from captiond.services.api.web.marking import mark as _
from captiond.services.api.web.operations_route import OperationsPageRoute
from captiond.services.api.web.rendering import PageView, make_view, render

PAGE_KEYS = 50
SEE_OTHER = 303

router = APIRouter(include_in_schema=False, route_class=OperationsPageRoute)


ERRORS = {
    "name": _("Enter a name of 1 to 40 printable characters that is not an ID."),
    "scopes": _("Choose at least one scope."),
    "camera": _("The name of a camera has at most 64 printable characters."),
    "networks": _("Enter at most 32 networks such as 10.0.0.0/8, separated by commas."),
    "expires": _("Choose today or a later day."),
    KEY_NAME_TAKEN.name: _("Another valid key has this name."),
    TOO_MANY_KEYS.name: _("There are too many valid keys. Revoke some first."),
}


@router.get("/ops/keys")
async def show_keys(request: Request, context: Context) -> Response:
    return await _show(request, context, EnteredForm())


@router.post("/ops/keys")
async def create_key(request: Request, context: Context) -> Response:
    """Create a key and show its secret, once. Invalid fields are shown with their errors."""
    fields = parse_fields(await request.body())
    names = ("name", "camera", "networks", "expires")
    form = EnteredForm({name: last(fields, name) for name in names}, fields.get("scope", ()))
    new = _validate(form, make_view(request))
    if isinstance(new, EnteredForm):
        return await _show(request, context, new)
    try:
        key, secret = await create(request, context, new)
    except Problem as problem:
        if problem.type not in {KEY_NAME_TAKEN, TOO_MANY_KEYS}:
            raise
        return await _show(request, context, form.with_errors({"name": ERRORS[problem.type.name]}))
    return await _show(request, context, EnteredForm(), created=key, secret=secret)


@router.get("/ops/keys/{key_id}/revoke")
async def ask_before_revocation(key_id: UUID, request: Request, context: Context) -> Response:
    """Ask, with a warning for the own key and for the last one for administrators. Links and logins lead here."""
    store = require_keys(context)
    key, others = await context.archive_access.run(lambda: _find_with_others(store, key_id))
    is_own = get_principal(request.scope).key_id == key_id
    is_last = Scope.ADMIN in key.principal.scopes and not others
    return render(request, "operations/confirm_revocation.html", key=key, is_own=is_own, is_last=is_last)


@router.post("/ops/keys/{key_id}/revoke")
async def revoke_key(key_id: UUID, request: Request, context: Context) -> Response:
    """Revoke a key. Asks before, unless the form is confirmed."""
    if "confirmed" not in parse_fields(await request.body()):
        return await ask_before_revocation(key_id, request, context)
    await revoke(request, context, key_id)
    root = request.scope.get("root_path", "")
    if get_principal(request.scope).key_id != key_id:
        return RedirectResponse(f"{root}/ops/keys?revoked=yes", SEE_OTHER)
    response = RedirectResponse(f"{root}/login", SEE_OTHER, NOT_STORED)
    set_session(response, request.scope, None)
    return response


async def _show(
    request: Request, context: ApiContext, form: EnteredForm, created: ApiKey | None = None, secret: str | None = None
) -> Response:
    store = require_keys(context)
    shows_all = request.query_params.get("all") == "yes"
    before = _parse_id(request.query_params.get("before", ""))
    found = await context.archive_access.run(lambda: store.page(PAGE_KEYS + 1, before, only_valid=not shows_all))
    keys = found[:PAGE_KEYS]
    status = 422 if form.errors else 201 if created else 200
    return render(
        request,
        "operations/keys.html",
        status,
        has_secret=secret is not None,
        form=form,
        keys=keys,
        older=str(keys[-1].id) if len(found) > len(keys) else None,
        before=before,
        shows_all=shows_all,
        created=created,
        secret=secret,
        now=datetime.now(UTC),
        own_id=get_principal(request.scope).key_id,
        is_revoked="revoked" in request.query_params,
    )


def _find_with_others(store: KeyStore, key_id: UUID) -> tuple[ApiKey, bool]:
    """Return a key, and whether another valid one has the scope `admin`. Raises Problem."""
    key = store.find(key_id)
    if key is None or key.revoked_at is not None:
        raise Problem(UNKNOWN_KEY, UNKNOWN_KEY.example)
    others = any(each.id != key_id and Scope.ADMIN in each.principal.scopes for each in store.load_valid())
    return key, others


def _validate(form: EnteredForm, page: PageView) -> NewKey | EnteredForm:
    """Return the new key that the form describes, or the form with its errors."""
    values, errors = form.values, dict[str, str]()
    expires_at = None
    if values["expires"]:
        try:
            following = date.fromisoformat(values["expires"]) + timedelta(days=1)
            expires_at = datetime.combine(following, time(), page.zone).isoformat()
        except (ValueError, OverflowError):
            errors["expires"] = ERRORS["expires"]
    try:
        new = NewKey.model_validate(
            {
                "name": values["name"],
                "scopes": list(form.chosen),
                "camera": values["camera"] or None,
                "networks": re.findall(r"[^\s,;]+", values["networks"]),
                "expires_at": expires_at,
            }
        )
    except ValidationError as error:
        names = (str(each["loc"][0]).removesuffix("_at") for each in error.errors())
        errors |= {name: ERRORS[name] for name in names}
    if errors:
        return form.with_errors(errors)
    return new


def _parse_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
