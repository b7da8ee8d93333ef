"""The parameters and the form of the view for operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from captiond.services.api.bodies.dead_letters import (
    AllDeadLetters,
    ChosenDeadLetters,
    PositionText,
    QueueName,
    ReasonText,
)
from captiond.services.api.http.problems import FieldError, Problem
from captiond.services.api.web.forms import parse_fields

Action: TypeAlias = Literal["retry", "drop"]
AnySelection: TypeAlias = ChosenDeadLetters | AllDeadLetters
# Of the browser's numbers, which only inform.
MAX_COUNT = 10**9
# A form sends an empty field for no choice.
EmptyAsNone = BeforeValidator(lambda value: value or None)
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]


class OperationsQuery(BaseModel):
    """The filter and the position in the list, and the result of the last action, to be shown once."""

    queue: Annotated[QueueName | None, EmptyAsNone] = None
    reason: Annotated[ReasonText | None, EmptyAsNone] = None
    before: Annotated[PositionText | None, EmptyAsNone] = None
    done: Action | None = None
    changed: Count = 0
    missing: Count = 0
    failed: Count = 0
    remaining: Count = 0
    position: Annotated[PositionText | None, EmptyAsNone] = None

    @property
    def filter(self) -> dict[str, str]:
        """The parameters that select dead letters."""
        return {name: value for name, value in (("queue", self.queue), ("reason", self.reason)) if value}


@dataclass(frozen=True, slots=True)
class DeadLetterForm:
    """What an operator has submitted. Without dead letters, `selection` is None."""

    action: Action
    selection: AnySelection | None
    filter: Mapping[str, str]
    is_confirmed: bool


def parse_form(body: bytes) -> DeadLetterForm:
    """Decode the form of dead letters. Raises Problem.

    The buttons of one dead letter are `retry` and `drop` with its name as value, those of several are `action`.
    """
    fields = parse_fields(body)
    action = _find_action(fields)
    try:
        filters = OperationsQuery.model_validate(
            {name: fields[name][-1] for name in ("queue", "reason") if name in fields}
        )
        selection = _select(fields, filters.filter)
    except ValidationError as error:
        errors = [FieldError(field=".".join(map(str, each["loc"])), detail=each["msg"]) for each in error.errors()]
        raise Problem.invalid(errors) from error
    return DeadLetterForm(action, selection, filters.filter, "confirmed" in fields)


def _find_action(fields: Mapping[str, Sequence[str]]) -> Action:
    action = fields.get("action", [""])[-1]
    if "retry" in fields or action in {"retry", "retry-all"}:
        return "retry"
    if "drop" in fields or action in {"drop", "drop-all"}:
        return "drop"
    detail = f"{action[:40]!r} is none of retry, drop, retry-all and drop-all"
    raise Problem.invalid([FieldError(field="action", detail=detail)])


def _select(fields: Mapping[str, Sequence[str]], filters: Mapping[str, str]) -> AnySelection | None:
    """Return the dead letters of the form. Raises ValidationError."""
    if fields.get("action", [""])[-1].endswith("-all"):
        before = fields.get("position", [None])[-1]
        return AllDeadLetters.model_validate({"all": True, **filters, "before": before})
    chosen = fields.get("retry") or fields.get("drop") or fields.get("letter")
    if not chosen:
        return None
    names = [name.partition("/") for name in chosen]
    return ChosenDeadLetters.model_validate(
        {"letters": [{"queue": queue, "entry": entry} for queue, _, entry in names]}
    )
