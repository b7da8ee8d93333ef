"""The captioner's handler: what it forwards, rejects and logs."""

import io
import logging
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from PIL import Image
from tests.unit.imaging.builds import needs_default

from captiond.image import UNCHECKED, CaptionedImage, ReceivedImage, decode_headers
from captiond.imaging import BadImage, Captioner, Style
from captiond.messages import CaptionedUpload, Upload
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.keep_originals import KeepOriginals
from captiond.services.captioner.handler import CaptionerService
from captiond.settings import Settings
from captiond.wiring.captions import make_style
from captiond.workqueue import MalformedMessage, Message
from captiond.workqueue.worker import Forward, Outcome, Reject

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
UNCOVERED = "\U0010fffd"


def photo(**options: bool) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(out, "JPEG", **options)
    return out.getvalue()


def half_a_scan() -> bytes:
    """A photo whose scan ends in the middle, with an end of image."""
    out = io.BytesIO()
    Image.effect_noise((96, 64), 50).convert("RGB").save(out, "JPEG")
    jpeg = out.getvalue()
    middle = (jpeg.index(b"\xff\xda") + len(jpeg)) // 2
    return jpeg[:middle].rstrip(b"\xff") + b"\xff\xd9"


def upload(jpeg: bytes, description: str = "7 секунд", camera: str | None = None) -> Message:
    image = ReceivedImage(
        camera=camera,
        id=ID,
        received_at=datetime(2026, 11, 23, tzinfo=UTC),
        description=description,
        upload_sha256=sha256(jpeg).digest(),
    )
    return Upload(image, jpeg).to_message()


def caption(message: Message, keep_originals: KeepOriginals = KeepOriginals.NEVER) -> Forward | Reject:
    [outcome] = CaptionerService(Captioner(Style()), keep_originals, CaptionTemplate()).handle([message])
    assert isinstance(outcome, Forward | Reject)
    return outcome


@pytest.mark.parametrize("cluster", [UNCOVERED, f"{UNCOVERED}\u0301", f"{UNCOVERED}\u200d"])
def test_cluster_that_no_font_covers_is_logged_by_its_code_points(
    cluster: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    outcome = caption(upload(photo(), f"a {cluster}"))

    named = " ".join(f"U+{ord(character):04X}" for character in cluster)
    assert isinstance(outcome, Forward)
    assert f"no installed font covers {named}; drew a replacement box image={ID}" in caplog.messages


@pytest.mark.parametrize(
    ("jpeg", "method"),
    [(photo(), "lossless"), (photo(keep_rgb=True), 'reencoded reason="')],
    ids=["baseline", "RGB"],
)
def test_captioned_image_is_logged_with_its_method(jpeg: bytes, method: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    caption(upload(jpeg))

    [line] = caplog.messages
    assert line.startswith(f"captioned image={ID} width=64 height=")
    assert f" method={method}" in line


@needs_default
def test_damaged_photo_is_forwarded_with_its_damage_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    outcome = caption(upload(half_a_scan()))

    damage = forwarded_damage(outcome)
    assert damage
    assert damage.startswith("the scan ends early (MCU ")
    assert caplog.messages == [f'damaged photo image={ID} reason="{damage}"']
    assert isinstance(outcome, Forward)
    assert outcome.counter == "damaged"


@needs_default
def test_intact_photo_is_forwarded_without_damage(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    outcome = caption(upload(photo()))

    assert forwarded_damage(outcome) is None
    assert isinstance(outcome, Forward)
    assert outcome.counter is None
    assert caplog.messages == []


@pytest.mark.parametrize("jpeg", [photo(), photo(keep_rgb=True)], ids=["lossless", "reencoded"])
def test_photo_is_unchecked_where_the_setting_disables_the_check(jpeg: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    captioner = Captioner(make_style(Settings(check_damage=False)))

    [outcome] = CaptionerService(captioner, KeepOriginals.NEVER, CaptionTemplate()).handle([upload(jpeg)])

    assert forwarded_damage(outcome) == UNCHECKED
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("template", "camera", "caption"),
    [("{camera}: {description}", "North", "North: 7 секунд"), ("{camera}: {description}", None, None)],
)
def test_drawn_text_is_forwarded_unless_it_is_the_description(
    template: str, camera: str | None, caption: str | None
) -> None:
    service = CaptionerService(Captioner(Style()), KeepOriginals.NEVER, CaptionTemplate(template))

    [outcome] = service.handle([upload(photo(), camera=camera)])

    assert isinstance(outcome, Forward)
    image = decode_headers(CaptionedImage, ID, outcome.headers)
    assert (image.caption, image.description, image.camera) == (caption, "7 секунд", camera)


def forwarded_damage(outcome: Outcome) -> str | None:
    assert isinstance(outcome, Forward)
    return decode_headers(CaptionedImage, ID, outcome.headers).damage


@pytest.mark.parametrize(("damage", "error"), [(b"", BadImage), (b"!", MalformedMessage)])
def test_undecodable_image_is_distinguished_from_a_damaged_payload(damage: bytes, error: type[Exception]) -> None:
    jpeg = b"\xff\xd8\xff no picture"
    sent = upload(jpeg)

    outcome = caption(replace(sent, payload=jpeg + damage))

    assert isinstance(outcome, Reject)
    assert isinstance(outcome.error, error)


@pytest.mark.parametrize(
    ("setting", "lossless", "reencoded"),
    [("always", True, True), ("reencoded", False, True), ("redrawn", False, True), ("never", False, False)],
)
def test_setting_selects_the_uploads_that_are_stored(setting: str, lossless: bool, reencoded: bool) -> None:  # noqa: FBT001 - a table of expectations
    for jpeg, expected in ((photo(), lossless), (photo(keep_rgb=True), reencoded)):
        outcome = caption(upload(jpeg), KeepOriginals(setting))

        assert isinstance(outcome, Forward)
        captioned = CaptionedUpload.from_message(Message(ID, outcome.headers, jpeg))
        assert captioned.keep_original is expected


def test_unknown_choice_of_originals_raises() -> None:
    with pytest.raises(ValueError, match="sometimes"):
        KeepOriginals("sometimes")
