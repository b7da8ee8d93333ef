"""The view of an archived image."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from captiond.archive import StoredImage
from captiond.image import Labels
from captiond.services.api import PageOptions
from tests.e2e.product import Pipeline, photo
from tests.integration.api.serving import Api, Backends, jpeg, open_api, record
from tests.servers.queues import RedisServer
from tests.web.archives import fill
from tests.web.browser import PHONE, find_accessibility_problems
from tests.web.conftest import OpenWindow


@pytest.fixture(scope="module")
def filled(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    options = PageOptions(ZoneInfo("Asia/Yekaterinburg"))
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("image"), page=options)) as api:
        fill(api, 5, camera="gate-1")
        yield api


@pytest.fixture(scope="module")
def full(filled: Api) -> StoredImage:
    """An image with every field."""
    content = jpeg(640, 480)
    made = record(content, "Straße & <i>x</i>", datetime(2026, 11, 1, 20, tzinfo=UTC))
    image = replace(
        made.image,
        width=640,
        height=480,
        reencode_reason="more than one scan",
        damage="the scan ends early (MCU 41 of 80)",
        caption="Gate 2\nStraße",
        camera="gate-2",
        captured_at=datetime(2026, 11, 1, 19, 59, 58, tzinfo=UTC),
        labels=Labels({"speed": "83", "plate": "А&Б"}),
    )
    [stored] = filled.archive(replace(made, image=image))
    return stored


def test_every_field_is_shown(filled: Api, full: StoredImage, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open(f"/images/{full.id}")

    expect(page.get_by_role("heading", level=1)).to_have_text("Straße & <i>x</i>")
    data = page.locator(".data").first
    for text in (
        "Gate 2\nStraße",
        "November 2, 2026, 1:00:00\u202fAM +0500",
        "2026-11-01T20:00:00.000Z",
        "2026-11-01T19:59:58.000Z",
        "640 × 480 px",
        f"{full.size_bytes:,} bytes",
        "more than one scan",
        "the scan ends early (MCU 41 of 80)",
        full.sha256.hex(),
        full.upload_sha256.hex(),
        str(full.id),
    ):
        expect(data).to_contain_text(text, use_inner_text=True)
    for badge in ("Damaged", "Re-encoded"):
        expect(page.locator(".badges")).to_contain_text(badge)
    expect(page.get_by_text("The original was not stored")).to_be_visible()
    expect(page.get_by_role("button", name="Show original")).to_have_count(0)
    page.get_by_role("link", name="plate: А&Б").click()
    expect(page.locator(".image-card")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_image_view_is_accessible(
    filled: Api, full: StoredImage, open_at: OpenWindow, language: str, theme: str
) -> None:
    page = open_at(filled.url, language=language, theme=theme).open(f"/images/{full.id}?q=x")

    expect(page.locator("#viewer-tools")).to_be_visible()
    assert not find_accessibility_problems(page)


def test_image_view_fits_a_phone(filled: Api, full: StoredImage, open_at: OpenWindow) -> None:
    page = open_at(filled.url, size=PHONE).open(f"/images/{full.id}")

    expect(page.locator("#viewer-tools")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_image_view_works_without_scripts(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url, scripts=False).open("/images?camera=gate-1")
    page.locator(".card-link").nth(1).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Image 1")
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Image 2")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download captioned").click()
    assert download.value.suggested_filename.endswith(".jpg")
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator(".image-card")).to_have_count(5)


def test_neighbours_follow_the_filters(filled: Api, full: StoredImage, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images?camera=gate-1")
    page.locator(".card-link").nth(3).click()
    heading = page.get_by_role("heading", level=1)
    for key, text in (("j", "Image 4"), ("j", "Image 4"), ("k", "Image 3"), ("ArrowRight", "Image 4")):
        expect(page.locator("#viewer-tools")).to_be_visible()
        page.keyboard.press(key)
        expect(heading).to_have_text(text)
    expect(page.get_by_role("link", name="Older")).to_have_count(0)
    assert page.url.endswith("?camera=gate-1")

    page.goto(page.url.partition("?")[0] + "?from=never")
    page.get_by_role("link", name="Older").click()
    expect(heading).to_have_text(full.description)


def zoom(page: Page) -> int:
    return int(page.locator("#zoom").inner_text().removesuffix(" %"))


def test_picture_can_be_zoomed_and_moved(filled: Api, open_at: OpenWindow) -> None:
    [large] = filled.archive(
        replace(made := record(jpeg(3000, 2000), "large"), image=replace(made.image, width=3000, height=2000))
    )
    page = open_at(filled.url).open(f"/images/{large.id}")
    frame, picture = page.locator(".viewer-frame"), page.locator("#picture")
    expect(picture).to_have_js_property("naturalWidth", 3000)
    fit = zoom(page)
    assert 10 < fit < 40
    box, outer = picture.bounding_box(), frame.bounding_box()
    assert box is not None
    assert outer is not None
    assert box["width"] <= outer["width"]
    assert box["height"] <= outer["height"]

    page.get_by_role("button", name="1:1").click()
    assert zoom(page) == 100
    assert picture.evaluate("picture => picture.getBoundingClientRect().width") == 3000
    scroll: Callable[[], list[int]] = lambda: frame.evaluate("frame => [frame.scrollLeft, frame.scrollTop]")  # noqa: E731
    middle = scroll()
    assert min(middle) > 0
    page.mouse.move(outer["x"] + 200, outer["y"] + 200)
    page.mouse.down()
    page.mouse.move(outer["x"] + 150, outer["y"] + 180, steps=5)
    page.mouse.up()
    assert scroll() == [middle[0] + 50, middle[1] + 20]

    page.keyboard.press("+")
    assert zoom(page) == 125
    page.keyboard.press("-")
    page.keyboard.press("-")
    assert zoom(page) == 80
    page.mouse.wheel(0, -100)
    page.wait_for_function("document.querySelector('#zoom').textContent === '100 %'")
    page.keyboard.press("0")
    assert zoom(page) == fit
    frame.dblclick()
    assert zoom(page) == 100
    frame.dblclick()
    assert zoom(page) == fit
    page.keyboard.press("1")
    assert zoom(page) == 100


def test_captioned_image_is_compared_with_the_original(pipeline: Pipeline, open_at: OpenWindow, tmp_path: Path) -> None:
    upload = photo()
    image_id = pipeline.send(upload, "compared")
    pipeline.await_status(image_id, "stored")
    page = open_at(pipeline.url).open(f"/images/{image_id}")
    picture = page.locator("#picture")
    expect(picture).to_have_js_property("naturalWidth", 320)
    captioned_height = picture.evaluate("picture => picture.naturalHeight")
    assert captioned_height > 208

    page.get_by_role("button", name="Show original").click()
    expect(picture).to_have_js_property("naturalHeight", 208)
    expect(page.locator("#viewer-message")).to_have_text("Original")
    page.keyboard.press("o")
    expect(picture).to_have_js_property("naturalHeight", captioned_height)
    expect(page.get_by_role("button", name="Show original")).to_have_attribute("aria-pressed", "false")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download original").click()
    assert download.value.suggested_filename == f"{image_id}-original.jpg"
    download.value.save_as(tmp_path / "original.jpg")
    assert (tmp_path / "original.jpg").read_bytes() == upload
    with page.expect_download() as download:
        page.get_by_role("link", name="Download captioned").click()
    assert download.value.suggested_filename == f"{image_id}.jpg"
    download.value.save_as(tmp_path / "captioned.jpg")
    with Image.open(io.BytesIO((tmp_path / "captioned.jpg").read_bytes())) as captioned:
        assert captioned.size == (320, captioned_height)


def test_missing_original_is_explained(filled: Api, open_at: OpenWindow) -> None:
    # The row says that the caption is lossless, but the upload cannot be restored from this file.
    [broken] = filled.archive(
        replace(made := record(jpeg(), "x"), image=replace(made.image, upload_sha256=sha256().digest()))
    )
    window = open_at(filled.url)
    window.expected_errors.append("404")
    page = window.open(f"/images/{broken.id}")
    page.get_by_role("button", name="Show original").click()

    expect(page.locator("#viewer-message")).to_contain_text("The original is not available:")
    expect(page.locator("#picture")).to_have_attribute("src", f"/api/images/{broken.id}")


def test_link_and_checksums_are_copied(filled: Api, full: StoredImage, open_at: OpenWindow) -> None:
    window = open_at(filled.url)
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = window.open(f"/images/{full.id}?q=x")
    for name, text in (
        ("Copy link", f"{filled.url}/images/{full.id}"),
        ("Copy the SHA-256 of the captioned image", full.sha256.hex()),
        ("Copy the SHA-256 of the original", full.upload_sha256.hex()),
        ("Copy the ID", str(full.id)),
    ):
        page.get_by_role("button", name=name).click()
        expect(page.locator("#copied")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == text


@pytest.mark.parametrize("image_id", ["0197a2b4-0000-7000-8000-000000000000", "nonsense"])
def test_unknown_image_is_an_error_page(filled: Api, open_at: OpenWindow, image_id: str) -> None:
    window = open_at(filled.url)
    window.expected_errors.append("404")
    page = window.open(f"/images/{image_id}")

    expect(page.locator("main")).to_contain_text("No image has this ID.")
