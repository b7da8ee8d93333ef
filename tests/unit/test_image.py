"""The value of an image: its queue headers, its columns and its JSON fields."""

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.archive import StoredImage
from captiond.archive.sql.rows import IMAGES
from captiond.image import (
    UNCHECKED,
    CaptionedImage,
    Labels,
    ReceivedImage,
    decode_headers,
    encode_headers,
    from_microseconds,
    to_microseconds,
)
from captiond.services.api.bodies.images import ListedImage

# Columns and fields that one of the three places has on purpose: the folded description is searched only, and the
# location of the files is no business of a client.
SEARCH_COLUMNS = {"description_folded"}
NOT_LISTED = {"path", "has_original"}
# Computed from `reencode_reason`, whose column has the name of earlier releases.
COMPUTED = {"method"}
NAMED_DIFFERENTLY = {"reencode_reason"}

TIMES = st.datetimes(timezones=st.just(UTC))
RECEIVED = {
    "id": st.uuids(),
    "received_at": TIMES,
    "description": st.text(),
    "upload_sha256": st.binary(min_size=32, max_size=32),
    "captured_at": st.none() | TIMES,
    "camera": st.none() | st.text(),
    "labels": st.dictionaries(st.text(), st.text()).map(Labels),
}
CAPTIONED = RECEIVED | {
    "width": st.integers(),
    "height": st.integers(),
    "reencode_reason": st.none() | st.text(),
    "damage": st.none() | st.text(min_size=1),
    "caption": st.none() | st.text(),
}


@dataclass(frozen=True, kw_only=True)
class NextImage(CaptionedImage):
    """What a later version might add: an optional field of every type that headers can carry."""

    lens: str | None = None
    exposure_ms: int | None = None
    taken_at: datetime | None = None
    thumbprint: bytes = b""
    is_night: bool = field(default=False, metadata={"header": "night"})


ADDED = {
    "lens": st.none() | st.text(),
    "exposure_ms": st.none() | st.integers(),
    "taken_at": st.none() | TIMES,
    "thumbprint": st.binary(),
    "is_night": st.booleans(),
}
IMAGES_OF_EACH_KIND = st.one_of(
    st.builds(ReceivedImage, **RECEIVED),
    st.builds(CaptionedImage, **CAPTIONED),
    st.builds(NextImage, **CAPTIONED, **ADDED),
)


@given(IMAGES_OF_EACH_KIND)
def test_headers_decode_to_the_encoded_image(image: ReceivedImage) -> None:
    assert decode_headers(type(image), image.id, encode_headers(image)) == image


def test_strategies_above_cover_every_field() -> None:
    assert set(CAPTIONED | ADDED) == {spec.name for spec in fields(NextImage)}


def test_field_of_later_version_is_decoded_from_old_headers_as_its_default() -> None:
    image = CaptionedImage(
        id=UUID(int=1), received_at=datetime.now(UTC), description="", upload_sha256=bytes(32), width=1, height=2
    )

    decoded = decode_headers(NextImage, image.id, encode_headers(image))

    assert decoded == NextImage(**vars(image))


def test_header_of_later_version_is_ignored() -> None:
    image = ReceivedImage(id=UUID(int=1), received_at=datetime.now(UTC), description="", upload_sha256=bytes(32))

    assert decode_headers(ReceivedImage, image.id, encode_headers(image) | {"lens": b"left"}) == image


def test_columns_are_the_fields_of_a_stored_image() -> None:
    assert {column.key for column in IMAGES.c} - SEARCH_COLUMNS == {spec.name for spec in fields(StoredImage)}


def test_json_fields_are_the_fields_of_a_stored_image() -> None:
    listed = {str(info.validation_alias or name) for name, info in ListedImage.model_fields.items()}

    assert listed == {spec.name for spec in fields(StoredImage)} - NOT_LISTED | COMPUTED


def test_json_fields_are_named_like_their_columns() -> None:
    columns = {column.key: column.name for column in IMAGES.c}

    for name in ListedImage.model_fields.keys() - COMPUTED - NAMED_DIFFERENTLY:
        assert columns[str(ListedImage.model_fields[name].validation_alias or name)] == name


@pytest.mark.parametrize(
    ("damage", "headers"), [(UNCHECKED, {}), (None, {"damage": b""}), ("no scan", {"damage": b"no scan"})]
)
def test_header_distinguishes_intact_photos_from_those_of_versions_that_checked_none(
    damage: str | None, headers: dict[str, bytes]
) -> None:
    image = CaptionedImage(
        id=UUID(int=1),
        received_at=datetime.now(UTC),
        description="",
        upload_sha256=bytes(32),
        width=1,
        height=2,
        damage=damage,
    )

    encoded = encode_headers(image)

    assert {name: encoded[name] for name in encoded.keys() & {"damage"}} == headers
    assert decode_headers(CaptionedImage, image.id, encoded).damage == damage


@pytest.mark.parametrize(("reason", "method"), [(None, "lossless"), ("progressive", "reencoded")])
def test_method_follows_from_the_reason_of_the_reencoding(reason: str | None, method: str) -> None:
    image = CaptionedImage(
        id=UUID(int=1),
        received_at=datetime.now(UTC),
        description="",
        upload_sha256=bytes(32),
        width=1,
        height=2,
        reencode_reason=reason,
    )

    assert image.method == method


@given(TIMES)
def test_time_is_exact_to_the_microsecond(time: datetime) -> None:
    assert from_microseconds(to_microseconds(time)) == time


def test_time_in_another_zone_is_encoded_as_the_same_moment() -> None:
    moscow = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3)))

    assert from_microseconds(to_microseconds(moscow)) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", [b"yesterday", b"", b"9" * 30])
def test_unreadable_time_raises(text: bytes) -> None:
    with pytest.raises((ValueError, OverflowError)):
        from_microseconds(text)
