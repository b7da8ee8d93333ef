from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.messages import CaptionedImage, Upload, microseconds, moment
from captiond.patch import Copy, Patch
from captiond.workqueue import MalformedMessage, Message

JPEG = b"\xff\xd8\xff\xe0 and some bytes\x00\xff"
DIGEST = sha256(JPEG).digest()
UPLOAD = Upload(
    id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
    received_at=datetime(2026, 11, 23, 22, 31, 0, 123456, UTC),
    description="С начала фазы: 7 секунд 🚦",
    sha256=DIGEST,
    jpeg=JPEG,
)
PATCH = Patch(crc32(JPEG), (Copy(0, 3), b" and a strip", Copy(3, len(JPEG))))
CAPTIONED = CaptionedImage(
    id=UPLOAD.id,
    received_at=UPLOAD.received_at,
    description=UPLOAD.description,
    width=640,
    height=423,
    upload_sha256=DIGEST,
    upload=JPEG,
    patch=PATCH,
)


def handed_on(image: CaptionedImage) -> Message:
    return Message(image.id, image.to_headers(), JPEG)


def without(message: Message, header: str) -> Message:
    return replace(message, headers={name: value for name, value in message.headers.items() if name != header})


def test_an_upload_comes_out_as_it_went_in() -> None:
    assert Upload.from_message(UPLOAD.to_message()) == UPLOAD


def test_a_captioned_image_comes_out_as_it_went_in() -> None:
    assert CaptionedImage.from_message(handed_on(CAPTIONED)) == CAPTIONED


def test_a_redrawn_image_travels_with_the_reason() -> None:
    anew = b"\xff\xd8\xff anew"
    reencoded = replace(CAPTIONED, patch=Patch(crc32(JPEG), (anew,)), reencode_reason="progressive", keep_original=True)

    arrived = CaptionedImage.from_message(handed_on(reencoded))

    assert arrived == reencoded
    assert arrived.to_jpeg() == anew


def test_an_image_is_put_together_of_its_upload_and_its_patch() -> None:
    assert CAPTIONED.to_jpeg() == JPEG[:3] + b" and a strip" + JPEG[3:]


def test_what_the_captioner_saw_otherwise_is_not_put_together() -> None:
    other = replace(CAPTIONED, patch=Patch(crc32(JPEG + b"!"), PATCH.pieces))

    with pytest.raises(MalformedMessage, match="cannot be put together: a patch for another file"):
        other.to_jpeg()


@given(description=st.text(), received_at=st.datetimes(timezones=st.just(UTC)))
def test_every_text_and_every_time_survive(description: str, received_at: datetime) -> None:
    upload = replace(UPLOAD, description=description, received_at=received_at)

    assert Upload.from_message(upload.to_message()) == upload


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_exact_to_the_microsecond(received_at: datetime) -> None:
    assert moment(microseconds(received_at)) == received_at


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    there = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3)))

    assert moment(microseconds(there)) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("header", ["received_at", "description", "sha256"])
def test_an_upload_without_a_header_is_malformed(header: str) -> None:
    with pytest.raises(MalformedMessage, match=header):
        Upload.from_message(without(UPLOAD.to_message(), header))


@pytest.mark.parametrize("header", CAPTIONED.to_headers())
def test_a_captioned_image_without_a_header_is_malformed(header: str) -> None:
    with pytest.raises(MalformedMessage, match=header):
        CaptionedImage.from_message(without(handed_on(CAPTIONED), header))


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("received_at", b"yesterday"),
        ("received_at", b"9" * 30),
        ("description", b"\xff\xfe"),
        ("width", b"wide"),
        ("patch", b"\x07"),
    ],
)
def test_an_unreadable_header_is_malformed(header: str, value: bytes) -> None:
    message = handed_on(CAPTIONED)
    spoilt = replace(message, headers={**message.headers, header: value})

    with pytest.raises(MalformedMessage, match=str(UPLOAD.id)):
        CaptionedImage.from_message(spoilt)


def test_an_upload_that_has_changed_is_not_whole() -> None:
    UPLOAD.verify_checksum()

    with pytest.raises(MalformedMessage, match="sha256"):
        replace(UPLOAD, jpeg=JPEG + b"!").verify_checksum()


def test_a_captioned_image_whose_upload_has_changed_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="upload_sha256"):
        CaptionedImage.from_message(replace(handed_on(CAPTIONED), payload=JPEG + b"!"))


def test_a_captioned_image_whose_patch_has_changed_is_malformed() -> None:
    message = handed_on(CAPTIONED)
    other = {**message.headers, "patch": replace(PATCH, pieces=(b"!",)).to_bytes()}

    with pytest.raises(MalformedMessage, match="patch_sha256"):
        CaptionedImage.from_message(replace(message, headers=other))


def test_neither_shows_its_bytes_when_printed() -> None:
    assert "some bytes" not in f"{UPLOAD}{CAPTIONED}"
