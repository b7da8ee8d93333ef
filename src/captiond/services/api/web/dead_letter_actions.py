"""Redrives and deletes dead letters from the forms of the view for operators, which work without JavaScript."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from captiond.services.api.bodies.dead_letters import AllDeadLetters, ChosenDeadLetters
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.dead_letters import change_dead_letters
from captiond.services.api.security.audit_trail import note
from captiond.services.api.web.operations_forms import Action, AnySelection, DeadLetterForm, parse_form
from captiond.services.api.web.operations_route import OperationsPageRoute
from captiond.services.api.web.rendering import render

SEE_OTHER = 303

router = APIRouter(include_in_schema=False, route_class=OperationsPageRoute)


@router.post("/ops/dead-letters")
async def change(request: Request, context: Context) -> Response:
    """Change a batch and return to the view. Asks before it deletes. Continues with the parameter `position`."""
    form = parse_form(await request.body())
    if form.selection is None:
        return _return_to_view(request, form, {})
    if form.action == "drop" and not form.is_confirmed:
        return render(request, "operations/confirm.html", form=form, chosen=_name_chosen(form))
    return _return_to_view(request, form, await _apply(request, context, form.action, form.selection))


async def _apply(request: Request, context: ApiContext, action: Action, selection: AnySelection) -> dict[str, str]:
    """Change dead letters. Returns the result as parameters of the view."""
    dead_letters = context.operations.dead_letters
    method = dead_letters.redrive if action == "retry" else dead_letters.delete
    batch, remaining, following = await change_dead_letters(context, selection, method)
    note(request.scope, action=f"dead-letters.{action}", detail=batch.summary)
    result = {
        "done": action,
        "changed": str(batch.done),
        "missing": str(batch.missing),
        "failed": str(batch.failed),
        "remaining": str(remaining),
    }
    if isinstance(following, AllDeadLetters) and following.before:
        result["position"] = following.before
    return result


def _name_chosen(form: DeadLetterForm) -> list[str]:
    if not isinstance(form.selection, ChosenDeadLetters):
        return []
    return [f"{letter.queue}/{letter.entry}" for letter in form.selection.letters]


def _return_to_view(request: Request, form: DeadLetterForm, result: dict[str, str]) -> RedirectResponse:
    query = urlencode({**form.filter, **result})
    return RedirectResponse(f"{request.scope.get('root_path', '')}/ops?{query}#dead-letters", SEE_OTHER)
