"""The messages of both queues, as bytes and back."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID
from zlib import crc32

import pytest

from captiond.image import CaptionedImage, ReceivedImage
from captiond.messages import CaptionedUpload, Upload
from captiond.patch import Copy, Patch
from captiond.workqueue import MalformedMessage, Message

JPEG = b"\xff\xd8\xff\xe0 and some bytes\x00\xff"
DIGEST = sha256(JPEG).digest()
RECEIVED = ReceivedImage(
    id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
    received_at=datetime(2026, 11, 23, 22, 31, 0, 123456, UTC),
    description="С начала фазы: 7 секунд 🚦",
    upload_sha256=DIGEST,
)
UPLOAD = Upload(RECEIVED, JPEG)
PATCH = Patch(crc32(JPEG), (Copy(0, 3), b" and a strip", Copy(3, len(JPEG))))
CAPTIONED = CaptionedUpload(CaptionedImage(**vars(RECEIVED), width=640, height=423), JPEG, PATCH)

# Written by hand from the messages of version 0.1, which queues may still hold. Never change these bytes.
UPLOAD_OF_0_1 = {
    "received_at": b"1795473060123456",
    "description": b"\xd0\x97\xd0\xb5\xd0\xbb\xd1\x91\xd0\xbd\xd1\x8b\xd0\xb9: 7 \xf0\x9f\x9a\xa6",
    "sha256": bytes.fromhex("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
}
# CRC-32 of b"test"; copy bytes 0 to 2, insert "!?", copy bytes 2 to 4.
PATCH_OF_0_1 = bytes.fromhex("d87f7e0c 00 00000000 00000002 01 00000002 213f 00 00000002 00000004")
CAPTIONED_BY_0_1 = {
    "received_at": b"1795473060123456",
    "description": b"\xd0\x97\xd0\xb5\xd0\xbb\xd1\x91\xd0\xbd\xd1\x8b\xd0\xb9: 7 \xf0\x9f\x9a\xa6",
    "width": b"1920",
    "height": b"1110",
    "upload_sha256": bytes.fromhex("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    "patch": PATCH_OF_0_1,
    "patch_sha256": bytes.fromhex("27035ba658dafd6aa06b83e9511be2b7837042b563f2e46540f5b9466bc7a813"),
}
REENCODED_BY_0_1 = CAPTIONED_BY_0_1 | {"redraw_reason": b"progressive", "keep_original": b"1"}
PAYLOAD_OF_0_1 = b"test"
RECEIVED_BY_0_1 = ReceivedImage(
    id=RECEIVED.id,
    received_at=datetime(2026, 11, 23, 22, 31, 0, 123456, UTC),
    description="Зелёный: 7 🚦",
    upload_sha256=sha256(b"test").digest(),
)


def to_message(captioned: CaptionedUpload) -> Message:
    return Message(captioned.image.id, captioned.to_headers(), JPEG)


def without(message: Message, header: str) -> Message:
    return replace(message, headers={name: value for name, value in message.headers.items() if name != header})


def test_upload_of_version_0_1_is_read_and_written_unchanged() -> None:
    upload = Upload(RECEIVED_BY_0_1, PAYLOAD_OF_0_1)
    message = Message(RECEIVED.id, UPLOAD_OF_0_1, PAYLOAD_OF_0_1)

    assert Upload.from_message(message) == upload
    assert upload.to_message() == message
    upload.verify_checksum()


@pytest.mark.parametrize("headers", [CAPTIONED_BY_0_1, REENCODED_BY_0_1], ids=["lossless", "reencoded"])
def test_captioned_upload_of_version_0_1_is_read_and_written_unchanged(headers: dict[str, bytes]) -> None:
    is_reencoded = headers is REENCODED_BY_0_1
    reason = "progressive" if is_reencoded else None
    image = CaptionedImage(**vars(RECEIVED_BY_0_1), width=1920, height=1110, reencode_reason=reason)
    patch = Patch(crc32(b"test"), (Copy(0, 2), b"!?", Copy(2, 4)))
    captioned = CaptionedUpload(image, PAYLOAD_OF_0_1, patch, keep_original=is_reencoded)

    read = CaptionedUpload.from_message(Message(RECEIVED.id, headers, PAYLOAD_OF_0_1))

    assert read == captioned
    assert read.to_jpeg() == b"te!?st"
    assert captioned.to_headers() == headers


def test_upload_is_decoded_as_it_was_encoded() -> None:
    assert Upload.from_message(UPLOAD.to_message()) == UPLOAD


def test_captioned_upload_is_decoded_as_it_was_encoded() -> None:
    assert CaptionedUpload.from_message(to_message(CAPTIONED)) == CAPTIONED


def test_reencoded_image_carries_its_reason() -> None:
    reencoded_jpeg = b"\xff\xd8\xff re-encoded"
    reencoded = CaptionedUpload(
        replace(CAPTIONED.image, reencode_reason="progressive"),
        JPEG,
        Patch(crc32(JPEG), (reencoded_jpeg,)),
        keep_original=True,
    )

    decoded = CaptionedUpload.from_message(to_message(reencoded))

    assert decoded == reencoded
    assert decoded.to_jpeg() == reencoded_jpeg


def test_patch_turns_the_upload_into_the_captioned_jpeg() -> None:
    assert CAPTIONED.to_jpeg() == JPEG[:3] + b" and a strip" + JPEG[3:]


def test_patch_for_another_upload_is_malformed() -> None:
    other = replace(CAPTIONED, patch=Patch(crc32(JPEG + b"!"), PATCH.operations))

    with pytest.raises(MalformedMessage, match=r"cannot apply the patch .* made for another file"):
        other.to_jpeg()


@pytest.mark.parametrize("header", ["received_at", "description", "sha256"])
def test_upload_without_a_required_header_is_malformed(header: str) -> None:
    with pytest.raises(MalformedMessage, match=header):
        Upload.from_message(without(UPLOAD.to_message(), header))


@pytest.mark.parametrize("header", CAPTIONED.to_headers())
def test_captioned_upload_without_a_required_header_is_malformed(header: str) -> None:
    with pytest.raises(MalformedMessage, match=header):
        CaptionedUpload.from_message(without(to_message(CAPTIONED), header))


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
def test_unreadable_header_is_malformed(header: str, value: bytes) -> None:
    message = to_message(CAPTIONED)
    damaged = replace(message, headers={**message.headers, header: value})

    with pytest.raises(MalformedMessage, match=str(RECEIVED.id)):
        CaptionedUpload.from_message(damaged)


def test_unreadable_patch_with_a_matching_checksum_is_malformed() -> None:
    headers = {**CAPTIONED.to_headers(), "patch": b"\x07", "patch_sha256": sha256(b"\x07").digest()}

    with pytest.raises(MalformedMessage, match="truncated"):
        CaptionedUpload.from_message(Message(RECEIVED.id, headers, JPEG))


def test_altered_upload_fails_its_checksum() -> None:
    UPLOAD.verify_checksum()

    with pytest.raises(MalformedMessage, match=r"the upload of message .* does not match upload_sha256"):
        replace(UPLOAD, jpeg=JPEG + b"!").verify_checksum()


def test_captioned_upload_with_an_altered_payload_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="does not match upload_sha256"):
        CaptionedUpload.from_message(replace(to_message(CAPTIONED), payload=JPEG + b"!"))


def test_captioned_upload_with_an_altered_patch_is_malformed() -> None:
    message = to_message(CAPTIONED)
    altered = {**message.headers, "patch": replace(PATCH, operations=(b"!",)).to_bytes()}

    with pytest.raises(MalformedMessage, match="does not match patch_sha256"):
        CaptionedUpload.from_message(replace(message, headers=altered))


def test_repr_omits_the_bytes_of_the_files() -> None:
    assert "some bytes" not in f"{UPLOAD}{CAPTIONED}"


def captioned_by_the_first_version(**headers: bytes) -> Message:
    """Its payload is the captioned JPEG, and the upload is a header if it is to be stored."""
    names = ("received_at", "description", "width", "height", "upload_sha256")
    kept = {name: CAPTIONED_BY_0_1[name] for name in names}
    return Message(RECEIVED.id, {**kept, "sha256": sha256(b"captioned").digest(), **headers}, b"captioned")


def test_captioned_message_of_the_first_version_is_read() -> None:
    captioned = CaptionedUpload.from_message(captioned_by_the_first_version())

    assert captioned.image == CaptionedImage(**vars(RECEIVED_BY_0_1), width=1920, height=1110)
    assert (captioned.to_jpeg(), captioned.keep_original) == (b"captioned", False)


def test_captioned_message_of_the_first_version_may_contain_the_upload() -> None:
    message = captioned_by_the_first_version(original=b"test", redraw_reason=b"progressive")

    captioned = CaptionedUpload.from_message(message)

    assert captioned.image.reencode_reason == "progressive"
    assert (captioned.to_jpeg(), captioned.upload, captioned.keep_original) == (b"captioned", b"test", True)


def test_captioned_message_of_the_first_version_with_a_wrong_checksum_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="captioned image"):
        CaptionedUpload.from_message(captioned_by_the_first_version(sha256=DIGEST))
