import io
import logging
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from PIL import Image

from captiond.imaging import BadImage, Captioner, Style
from captiond.messages import Upload
from captiond.services.captioner.handler import CaptionerService, KeepOriginals
from captiond.workqueue import MalformedMessage, Message
from captiond.workqueue.worker import Forward, Reject

IN_NO_FONT = "\U0010fffd"


def upload(description: str) -> Message:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(out, "JPEG")
    jpeg = out.getvalue()
    id_ = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    return Upload(id_, datetime(2026, 11, 23, tzinfo=UTC), description, sha256(jpeg).digest(), jpeg).to_message()


@pytest.mark.parametrize("cluster", [IN_NO_FONT, f"{IN_NO_FONT}\u0301", f"{IN_NO_FONT}\u200d"])
def test_what_no_font_has_is_warned_of_by_its_code_points(cluster: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    service = CaptionerService(Captioner(Style()), KeepOriginals.NEVER)

    (outcome,) = service.handle([upload(f"a {cluster}")])

    named = " ".join(f"U+{ord(character):04X}" for character in cluster)
    assert isinstance(outcome, Forward)
    assert f"boxes stand for {named}, which no installed font has" in caplog.text


@pytest.mark.parametrize(("damage", "error"), [(b"", BadImage), (b"!", MalformedMessage)])
def test_a_bad_image_is_told_from_one_that_was_damaged_on_its_way(damage: bytes, error: type[Exception]) -> None:
    jpeg = b"\xff\xd8\xff no picture"
    sent = Upload(UUID(int=1), datetime(2026, 11, 23, tzinfo=UTC), "text", sha256(jpeg).digest(), jpeg).to_message()
    service = CaptionerService(Captioner(Style()), KeepOriginals.NEVER)

    (outcome,) = service.handle([replace(sent, payload=jpeg + damage)])

    assert isinstance(outcome, Reject)
    assert isinstance(outcome.error, error)
