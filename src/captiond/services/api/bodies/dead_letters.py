"""JSON bodies and parameters of the endpoints for dead letters."""

from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field

from captiond.operations.dead_letters import Position
from captiond.services.api.bodies.images import Moment
from captiond.workqueue.admin import DeadLetter

MAX_ERROR_CHARACTERS = 500
MAX_LETTERS = 1000

QueueName: TypeAlias = Literal["uploads", "captioned", "webhooks"]
# Smaller than 2^64, as Redis requires.
EntryText = Annotated[str, Field(pattern="^[0-9]{1,19}-[0-9]{1,19}$", examples=["1795746714123-0"])]
ReasonText = Annotated[str, Field(min_length=1, max_length=200)]
PositionText = Annotated[
    str,
    Field(
        pattern="^[0-9]{1,15}-[0-9]{1,15}-(uploads|captioned|webhooks)$",
        examples=["1795746714123-0-uploads"],
    ),
]


def parse_position(text: str) -> Position:
    """Decode a position that has the pattern of PositionText."""
    milliseconds, number, queue = text.split("-")
    return Position(int(milliseconds), int(number), queue)


def write_position(position: Position) -> str:
    """Encode a position."""
    return f"{position.entry}-{position.queue}"


class ListedDeadLetter(BaseModel):
    """A message that could not be processed. `queue` and `entry` identify it."""

    queue: QueueName
    entry: EntryText
    id: str | None = Field(
        description="the id of the image, in queue webhooks that of the event; null: the message is unreadable"
    )
    rejected_at: Moment
    error: str = Field(description="class and message of the error in one line, of at most 500 characters")
    deliveries: int
    bytes: int
    description: str | None
    camera: str | None

    @classmethod
    def of(cls, letter: DeadLetter) -> "ListedDeadLetter":
        """Describe a dead letter."""
        error = " ".join(letter.error.split())
        return cls(
            queue=_queue_name(letter),
            entry=letter.entry,
            id=letter.id or None,
            rejected_at=letter.rejected_at,
            error=error if len(error) <= MAX_ERROR_CHARACTERS else f"{error[: MAX_ERROR_CHARACTERS - 1]}…",
            deliveries=letter.deliveries,
            bytes=_count_bytes(letter),
            description=_read_text(letter, "description"),
            camera=_read_text(letter, "camera"),
        )


class DeadLetterDetail(ListedDeadLetter):
    """A dead letter with its traceback and its fields."""

    traceback: str
    offloaded_bytes: int = Field(description="size of the image if it is on the disk of the archiver")
    fields: dict[str, str] = Field(description="headers of at most 1 KiB as text, binary ones as hexadecimal digits")

    @classmethod
    def of(cls, letter: DeadLetter) -> "DeadLetterDetail":
        """Describe a dead letter."""
        listed = ListedDeadLetter.of(letter)
        return cls(
            **listed.model_dump(),
            traceback=letter.traceback,
            offloaded_bytes=letter.offloaded_bytes,
            fields={name: readable(value) for name, value in letter.fields.items() if not name.startswith("dead_")},
        )


class DeadLetterRef(BaseModel):
    """Identifies a dead letter."""

    model_config = ConfigDict(extra="forbid")

    queue: QueueName
    entry: EntryText


class ChosenDeadLetters(BaseModel):
    """Selects dead letters one by one."""

    model_config = ConfigDict(extra="forbid")

    letters: list[DeadLetterRef] = Field(min_length=1, max_length=MAX_LETTERS)


class AllDeadLetters(BaseModel):
    """Selects all dead letters, or those of a queue or with a text in the error, the newest first."""

    model_config = ConfigDict(extra="forbid")

    all: Literal[True]
    queue: QueueName | None = None
    reason: ReasonText | None = Field(default=None, description="text in the error, ignoring case")
    before: PositionText | None = Field(default=None, description="position from `next` of the last response")


class BatchResult(BaseModel):
    """What one request has done. To continue, send `next` as the next request."""

    missing: int = Field(description="dead letters that no longer exist")
    failed: int = Field(description="dead letters that could not be changed, such as those on the disk of another host")
    error: str | None = Field(description="why the first of `failed` could not be changed")
    remaining: int = Field(
        description="number of `letters` that were not reached; with `all`, dead letters in the selected queues"
    )
    next: ChosenDeadLetters | AllDeadLetters | None = Field(description="body of the next request; null: all is done")


class RetryResult(BatchResult):
    """What one request has returned to the queues."""

    retried: int


class DropResult(BatchResult):
    """What one request has deleted."""

    dropped: int


def readable(value: bytes) -> str:
    """Return a header as text, or as hexadecimal digits if it is binary."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _queue_name(letter: DeadLetter) -> QueueName:
    return cast("QueueName", letter.queue)


def _count_bytes(letter: DeadLetter) -> int:
    return letter.omitted_bytes + sum(len(value) for name, value in letter.fields.items() if name[:5] != "dead_")


def _read_text(letter: DeadLetter, name: str) -> str | None:
    value = letter.fields.get(name)
    return None if value is None else value.decode(errors="replace")
