"""JSON bodies of API keys."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from captiond.access import ApiKey, Scope, make_key
from captiond.access.keys import MAX_NAME_CHARACTERS, MAX_NETWORKS, is_valid_name
from captiond.access.principal import parse_network
from captiond.image import MAX_CAMERA_CHARACTERS
from captiond.services.api.bodies.images import Moment
from captiond.services.api.http.paging import Instant, normalize_if_text


def _check_name(text: str) -> str:
    # A camera's name is checked in the same way; its length is in its own field.
    if not is_valid_name(text, max(MAX_NAME_CHARACTERS, MAX_CAMERA_CHARACTERS)):
        raise ValueError("must have printable characters, and must not be an id")
    return text


def _check_network(text: str) -> str:
    return str(parse_network(text))


def _check_expiry(time: datetime) -> datetime:
    if time <= datetime.now(UTC):
        raise ValueError("is not in the future")
    return time


NetworkText = Annotated[str, Field(max_length=64, examples=["10.0.0.0/8"]), AfterValidator(_check_network)]


class NewKey(BaseModel):
    """A key to create."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        str,
        Field(min_length=1, max_length=MAX_NAME_CHARACTERS),
        AfterValidator(_check_name),
        BeforeValidator(normalize_if_text),
    ]
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), description="what the key allows")
    camera: Annotated[
        Annotated[
            str,
            Field(min_length=1, max_length=MAX_CAMERA_CHARACTERS),
            AfterValidator(_check_name),
            BeforeValidator(normalize_if_text),
        ]
        | None,
        Field(description="only uploads of this camera"),
    ] = None
    networks: list[NetworkText] = Field(
        default_factory=list, max_length=MAX_NETWORKS, description="only from these networks"
    )
    expires_at: Annotated[
        Annotated[Instant, AfterValidator(_check_expiry)] | None, Field(description="null: never")
    ] = None

    def make(self) -> tuple[ApiKey, str]:
        """Return the new key and its secret."""
        return make_key(
            self.name,
            frozenset(self.scopes),
            camera=self.camera,
            networks=tuple(map(parse_network, self.networks)),
            expires_at=self.expires_at,
        )


class ListedKey(BaseModel):
    """A key without its secret."""

    id: UUID
    name: str
    state: str = Field(description="`active`, `expired` or `revoked`")
    scopes: list[Scope]
    camera: str | None
    networks: list[str]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None = Field(description="up to a minute early")
    revoked_at: Moment | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls.model_validate(_describe(key))


class CreatedKey(ListedKey):
    """A new key with its secret, which is not shown again."""

    key: str = Field(description="the secret that clients send")

    @classmethod
    def of_new(cls, key: ApiKey, secret: str) -> Self:
        return cls.model_validate({**_describe(key), "key": secret})


def _describe(key: ApiKey) -> dict[str, object]:
    principal = key.principal
    return {
        "id": key.id,
        "name": principal.name,
        "state": key.state(datetime.now(UTC)),
        "scopes": sorted(principal.scopes),
        "camera": principal.camera,
        "networks": list(map(str, principal.networks)),
        **{name: getattr(key, name) for name in ("created_at", "expires_at", "last_used_at", "revoked_at")},
    }
