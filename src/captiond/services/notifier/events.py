"""The body of a delivery: type, time and data of an event, as Standard Webhooks recommends."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from captiond.archive import StoredImage
from captiond.image import UNCHECKED
from captiond.times import rfc3339
from captiond.webhooks import EventType
from captiond.workqueue import MalformedMessage, Message


@dataclass(frozen=True, slots=True)
class Event:
    """A message of queue `webhooks`: an event of an image, for one webhook. `id` is the same at each attempt."""

    id: UUID
    webhook_id: UUID
    image_id: UUID
    type: EventType
    happened_at: datetime

    @classmethod
    def from_message(cls, message: Message) -> "Event":
        """Decode a message. Raises MalformedMessage."""
        try:
            texts = {name: value.decode() for name, value in message.headers.items()}
            return cls(
                message.id,
                UUID(texts["subscriber"]),
                UUID(texts["message"]),
                EventType.of_topic(texts["topic"]),
                datetime.fromtimestamp(int(texts["at"]) / 1000, UTC),
            )
        except (KeyError, ValueError, OverflowError) as error:
            raise MalformedMessage(f"cannot decode notification {message.id}: {error!r}") from error


def write_body(event: Event, image: StoredImage | None, error: str | None = None) -> bytes:
    """Return the body of an event: JSON in ASCII. Of an image that was deleted since, it has the id only."""
    data: dict[str, object] = {"id": str(event.image_id)}
    if event.type is EventType.FAILED:
        data["error"] = error
    elif image is not None:
        data |= {
            "received_at": _time(image.received_at),
            "stored_at": _time(image.stored_at),
            "captured_at": _time(image.captured_at),
            "camera": image.camera,
            "description": image.description,
            "labels": image.labels,
            "width": image.width,
            "height": image.height,
            "size_bytes": image.size_bytes,
            "sha256": image.sha256.hex(),
            "damage": None if image.damage == UNCHECKED else image.damage,
        }
    body = {"type": event.type, "timestamp": _time(event.happened_at), "data": data}
    return json.dumps(body, separators=(",", ":")).encode()


def _time(time: datetime | None) -> str | None:
    return rfc3339(time) if time else None
