"""Previews: pictures of the strip, as the captioner draws it."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image, ImageChops

from captiond.image import Labels, ReceivedImage
from captiond.imaging import Captioner, Style
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.request_rates import RequestRate
from captiond.services.api import StripDrawer
from captiond.services.api.http.json_body import MAX_BODY_BYTES
from captiond.services.api.preview.request import SAMPLE_ID
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem
from tests.integration.api.test_rejections import read_rejected
from tests.servers.queues import RedisServer

TEXT = "С начала фазы запрещающего сигнала прошло: 7 секунд"
HOSTILE = {
    "stacked marks": "a" + "\u0301" * 199,
    "emoji": "👩‍👩‍👧‍👦" * 28,
    "bidirectional": "\u202eאבג abc " * 20,
    "no break": "Щ" * 200,
    "lines": "x\n" * 99 + "x",
    "uncovered": "\U0010fffd" * 200,
}
BODY = {"description": "x", "width": 64}


def picture(response: httpx.Response) -> Image.Image:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(response.content))
    image.load()
    return image


def draw(api: Api, description: str, width: int, **fields: object) -> Image.Image:
    return picture(api.client.post("/api/preview", json={"description": description, "width": width, **fields}))


@contextmanager
def open_with(
    valkey: RedisServer, folder: Path, strips: StripDrawer | None = None, rate: str = "off", proxies: str = "127.0.0.1"
) -> Iterator[Api]:
    backends = Backends(
        valkey.url, folder, strips=strips, preview_rate=RequestRate(rate, "previews"), trusted_proxies=proxies
    )
    with open_api(backends) as api:
        yield api


@pytest.mark.parametrize("style", [Style(), Style(text_colour="red", strip_colour="#123456", alignment="centre")])
@pytest.mark.parametrize("text", [TEXT, "🚨 שלום", "\U0010fffd box", *HOSTILE.values()])
def test_preview_has_the_pixels_that_the_captioner_draws(
    valkey: RedisServer, tmp_path: Path, style: Style, text: str
) -> None:
    with open_with(valkey, tmp_path, StripDrawer(style, CaptionTemplate())) as api:
        drawn = draw(api, text, 640)

    expected = Captioner(style).draw(text, 640)
    assert (drawn.mode, drawn.size) == (expected.mode, expected.size)
    assert drawn.tobytes() == expected.tobytes()


@pytest.mark.parametrize("width", [1, 97, 640, 4001])
def test_preview_is_the_strip_of_a_captioned_photo(api: Api, width: int) -> None:
    captioned = Captioner(Style()).add_caption(jpeg(width, 40), TEXT)

    drawn = draw(api, TEXT, width)

    photo = Image.open(io.BytesIO(captioned.jpeg)).convert("L")
    assert (drawn.width, drawn.height) == (captioned.width, captioned.height - 40)
    strip = photo.crop((0, 40, width, captioned.height))
    difference = ImageChops.difference(strip, drawn.convert("L")).histogram()
    assert sum(difference[64:]) <= 0.02 * drawn.width * drawn.height  # JPEG is lossy


def test_preview_of_a_turned_photo_has_its_viewed_width(api: Api) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (48, 320), "teal").save(file, "JPEG", exif=exif)

    captioned = Captioner(Style()).add_caption(file.getvalue(), TEXT)

    assert captioned.width == 320
    assert draw(api, TEXT, 320).height == captioned.height - 48


def test_template_is_applied_with_all_fields(valkey: RedisServer, tmp_path: Path) -> None:
    template = CaptionTemplate("{camera} {captured_at} {labels.speed}\\n{description} {id} {received_at:%Y}")
    fields = {"camera": "North", "captured_at": "2026-11-26T10:45:01+03:00", "labels": {"speed": "83"}}

    with open_with(valkey, tmp_path, StripDrawer(Style(), template)) as api:
        drawn = draw(api, "x", 640, **fields)

    now = datetime.now(UTC)
    image = ReceivedImage(
        id=SAMPLE_ID,
        received_at=now,
        description="x",
        upload_sha256=b"",
        captured_at=datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC),
        camera="North",
        labels=Labels({"speed": "83"}),
    )
    assert drawn.tobytes() == Captioner(Style()).draw(template.fill(image), 640).tobytes()


def test_response_is_not_cached(api: Api) -> None:
    response = api.client.post("/api/preview", json=BODY)

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_nothing_is_queued_and_no_rejection_is_counted(own_api: Api) -> None:
    draw(own_api, "x", 64)
    own_api.client.post("/api/preview", json={})

    assert own_api.client.get("/api/images").json() == []
    assert read_rejected(own_api) == {}


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no description": ({"width": 64}, "description"),
    "long description": ({"description": "x" * 201, "width": 64}, "description"),
    "blank description": ({"description": "\u200b", "width": 64}, "description"),
    "no width": ({"description": "x"}, "width"),
    "width 0": ({"description": "x", "width": 0}, "width"),
    "width over the limit of JPEG": ({"description": "x", "width": 65_501}, "width"),
    "fraction": ({"description": "x", "width": 1.5}, "width"),
    "boolean": ({"description": "x", "width": True}, "width"),
    "text": ({"description": "x", "width": "64"}, "width"),
    "long camera": ({**BODY, "camera": "x" * 65}, "camera"),
    "time without offset": ({**BODY, "captured_at": "2026-11-26T10:45:01"}, "captured_at"),
    "17 labels": ({**BODY, "labels": {f"a{number}": "x" for number in range(17)}}, "labels"),
}


@pytest.mark.parametrize(("body", "field"), INVALID.values(), ids=INVALID.keys())
def test_invalid_field_returns_422_and_its_name(api: Api, body: dict[str, Any], field: str) -> None:
    response = api.client.post("/api/preview", json=body)

    assert problem(response) == (422, "invalid-request")
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"{}", "text/plain"),
    ],
)
def test_malformed_body_returns_400(api: Api, content: bytes, media_type: str) -> None:
    response = api.client.post("/api/preview", content=content, headers={"Content-Type": media_type})

    assert problem(response) == (400, "malformed-body")


def test_large_body_returns_413(api: Api) -> None:
    response = api.client.post("/api/preview", json={**BODY, "other": "x" * MAX_BODY_BYTES})

    assert problem(response) == (413, "too-large")


def test_longest_valid_fields_are_accepted(api: Api) -> None:
    labels = {f"l{number:031}": "😀" * 200 for number in range(16)}

    assert draw(api, "😀" * 200, 640, camera="😀" * 64, labels=labels).width == 640


@pytest.mark.parametrize(
    ("template", "width", "fault"),
    [("{description}", 65_500, "strip too large"), ("{labels.b}" * 4, 12, "strip too high")],
)
def test_strip_over_the_limits_returns_422(
    valkey: RedisServer, tmp_path: Path, template: str, width: int, fault: str
) -> None:
    strips = StripDrawer(Style(font_size_px=200), CaptionTemplate(template))
    labels = {"b": "x\n" * 99}

    with open_with(valkey, tmp_path, strips) as api:
        body = {"description": "x\n" * 80 + "x", "width": width, "labels": labels}
        response = api.client.post("/api/preview", json=body)

    assert problem(response) == (422, "invalid-request")
    assert fault in response.json()["detail"]
    assert [error["field"] for error in response.json()["errors"]] == ["width"]


def test_missing_font_returns_503_and_is_logged_once(
    valkey: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    strips = StripDrawer(Style(font_name=f"None {uuid4()}"), CaptionTemplate())

    with open_with(valkey, tmp_path, strips) as api:
        responses = [api.client.post("/api/preview", json=BODY) for _ in range(3)]
        other = api.send(jpeg(), "x")

    assert [problem(response) for response in responses] == [(503, "preview-unavailable")] * 3
    assert "retry-after" not in responses[0].headers
    assert other.status_code == 202
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert errors[0].startswith("no previews: CAPTIOND_FONT_NAME: no font named 'None ")


def test_rate_limit_returns_429_with_the_time_to_wait(valkey: RedisServer, tmp_path: Path) -> None:
    with open_with(valkey, tmp_path, rate="2/hour") as api:
        responses = [api.client.post("/api/preview", json=BODY) for _ in range(3)]
        upload = api.send(jpeg(), "x")

    assert [response.status_code for response in responses] == [200, 200, 429]
    assert problem(responses[2]) == (429, "rate-limited")
    assert 1700 < int(responses[2].headers["retry-after"]) <= 1800
    assert "2/hour" in responses[2].json()["detail"]
    assert upload.status_code == 202


def test_rate_is_limited_per_forwarded_address_of_a_trusted_proxy(valkey: RedisServer, tmp_path: Path) -> None:
    addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"]
    with open_with(valkey, tmp_path, rate="1/hour") as api:
        statuses = [
            api.client.post("/api/preview", json=BODY, headers={"X-Forwarded-For": address}).status_code
            for address in addresses
        ]

    assert statuses == [200, 429, 200, 200, 429, 200]


def test_forwarded_address_of_an_untrusted_client_is_ignored(valkey: RedisServer, tmp_path: Path) -> None:
    with open_with(valkey, tmp_path, rate="1/hour", proxies="10.0.0.0/8") as api:
        statuses = [
            api.client.post("/api/preview", json=BODY, headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
            for number in range(2)
        ]

    assert statuses == [200, 429]
