"""The archive view: search, filters, pages without scripts, languages and widths."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from captiond.image import Labels
from captiond.services.api import PageOptions
from tests.integration.api.serving import Api, Backends, open_api, record
from tests.servers.queues import RedisServer
from tests.web.archives import PHOTO, fill
from tests.web.browser import PHONE, find_accessibility_problems
from tests.web.conftest import OpenWindow

CYRILLIC = re.compile("[А-Яа-яЁё]")
LATIN_WORD = re.compile("[A-Za-z]{3,}")


@pytest.fixture(scope="module")
def filled(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An archive of 60 plain images, and of images that filters find."""
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("archive"))) as api:
        fill(api, 60)
        fill(api, 1, "Straße & <b>Въезд</b> 100%", camera="gate-1", labels=Labels({"speed": "83", "lane": "1"}))
        fill(api, 1, "damaged photo", camera="gate-2", damage="the scan ends early", labels=Labels({"speed": "83"}))
        fill(api, 1, "progressive photo", reencode_reason="more than one scan")
        yield api


def test_newest_images_come_first_with_their_data(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images")

    expect(page.get_by_role("heading", name="Archive")).to_be_visible()
    expect(page.locator("#count")).to_have_text("63 images")
    texts = page.locator(".card-description").all_text_contents()
    plain = [text for text in texts if text.startswith("Image")]
    assert plain == [f"Image {number}" for number in range(len(plain))]
    damaged = page.get_by_role("listitem").filter(has_text="damaged photo")
    expect(damaged).to_contain_text("Damaged")
    expect(damaged).to_contain_text("gate-2")
    expect(damaged.locator("time")).to_have_attribute("datetime", "2026-11-20T12:00:00.000Z")
    expect(page.get_by_role("listitem").filter(has_text="progressive photo")).to_contain_text("Re-encoded")
    image = page.locator(".image-card img").first
    expect(image).to_have_js_property("naturalWidth", 64)
    assert [image.get_attribute(name) for name in ("width", "height", "loading")] == ["64", "48", "lazy"]


def test_search_ignores_case_and_marks_hits(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images")
    page.get_by_role("searchbox").fill("STRASSE & <B>ВЪЕЗД")
    page.get_by_role("button", name="Search").click()

    expect(page.locator(".image-card")).to_have_count(1)
    assert page.locator(".image-card mark").all_inner_texts() == ["Straße & <b>Въезд"]
    assert page.locator(".image-card b").count() == 0
    assert parse_qs(urlsplit(page.url).query) == {"q": ["STRASSE & <B>ВЪЕЗД"]}
    expect(page.get_by_role("searchbox")).to_have_value("STRASSE & <B>ВЪЕЗД")
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("#count")).to_have_text("63 images")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("camera=gate-1", ["Straße & <b>Въезд</b> 100%"]),
        ("label=speed:83", ["damaged photo", "Straße & <b>Въезд</b> 100%"]),
        ("label=speed:83&label=lane:1", ["Straße & <b>Въезд</b> 100%"]),
        ("damaged=yes", ["damaged photo"]),
        ("reencoded=yes", ["progressive photo"]),
        ("damaged=no&reencoded=no&label=speed:83", ["Straße & <b>Въезд</b> 100%"]),
        ("from=2026-11-20&to=2026-11-20&camera=gate-2", ["damaged photo"]),
        ("to=2026-11-19", []),
        ("q=100%25", ["Straße & <b>Въезд</b> 100%"]),
    ],
)
def test_filters_in_the_address_select_images(filled: Api, query: str, found: list[str]) -> None:
    response = filled.client.get(f"/images/cards?{query}")

    descriptions = ["".join(text for text, _ in card["parts"]) for card in response.json()["cards"]]
    assert sorted(descriptions) == sorted(found)
    assert response.json()["next"] is None


def test_form_sends_all_filters(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("First day").fill("2026-11-20")
    page.get_by_label("Last day").fill("2026-11-21")
    page.get_by_label("Camera").fill("gate-2")
    page.get_by_label("Label", exact=True).fill("speed:83")
    page.get_by_label("Photo data").select_option("Damaged")
    page.get_by_label("Captioning").select_option("Lossless")
    page.get_by_label("Camera").press("Enter")

    expect(page.locator(".image-card")).to_have_count(1)
    assert parse_qs(urlsplit(page.url).query) == {
        "from": ["2026-11-20"],
        "to": ["2026-11-21"],
        "camera": ["gate-2"],
        "label": ["speed:83"],
        "damaged": ["yes"],
        "reencoded": ["no"],
    }
    expect(page.get_by_label("Camera")).to_have_value("gate-2")
    expect(page.get_by_label("Another label")).to_be_visible()


def test_no_match_offers_to_clear_the_filters(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images?q=nothing+like+this")

    expect(page.locator("#empty")).to_contain_text("No image matches these filters.")
    page.locator("#empty").get_by_role("link", name="Clear filters").click()
    expect(page.locator(".image-card").first).to_be_visible()


def test_empty_archive_offers_to_send(valkey: RedisServer, tmp_path: Path, open_at: OpenWindow) -> None:
    with open_api(Backends(valkey.url, tmp_path)) as api:
        page = open_at(api.url).open("/images")
        expect(page.locator("#empty")).to_contain_text("The archive is empty.")
        assert not find_accessibility_problems(page)
        page.locator("#empty").get_by_role("link", name="Send images").click()
        page.wait_for_url(f"{api.url}/")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_invalid_filters_are_shown_beside_their_fields(filled: Api, open_at: OpenWindow, language: str) -> None:
    window = open_at(filled.url, language=language)
    window.expected_errors.append("422")
    page = window.open("/images?q=kept&from=2026-02-30&label=speed&camera=gate-1")

    field = page.locator("#filter-from")
    expect(field).to_have_value("2026-02-30")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#error-from")).to_be_visible()
    expect(page.locator("#error-label")).to_be_visible()
    expect(page.locator("#filter-q")).to_have_value("kept")
    expect(page.locator("#filter-camera")).to_have_value("gate-1")
    assert bool(CYRILLIC.search(page.locator("#error-from").inner_text())) is (language == "ru")
    assert page.locator(".image-card").count() == 0
    assert not find_accessibility_problems(page)


def test_invalid_requests_return_422(filled: Api) -> None:
    assert filled.client.get("/images?from=x").status_code == 422
    assert filled.client.get("/images?before=x", headers={"Accept": "text/html"}).status_code == 422
    assert filled.client.get("/images/cards?from=x").status_code == 422
    assert filled.client.get("/images/cards?before=x").status_code == 422


def test_pages_without_scripts(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url, scripts=False).open("/images?q=image")
    expect(page.locator(".image-card")).to_have_count(48)
    first = page.locator(".card-description").all_text_contents()
    page.get_by_role("link", name="Older images").click()
    expect(page.locator(".image-card")).to_have_count(12)

    assert [*first, *page.locator(".card-description").all_text_contents()] == [f"Image {n}" for n in range(60)]
    expect(page.get_by_role("link", name="Older images")).to_have_count(0)
    expect(page.locator(".card-check:visible")).to_have_count(0)
    page.get_by_role("link", name="Newest images").click()
    expect(page.locator(".card-description").first).to_have_text("Image 0")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_archive_is_accessible_and_translated(filled: Api, open_at: OpenWindow, language: str, theme: str) -> None:
    page = open_at(filled.url, language=language, theme=theme).open("/images?label=speed:83")
    page.locator(".card-check").first.check()
    assert not find_accessibility_problems(page)
    page.locator("#show-help").click()
    expect(page.locator("#help")).to_be_visible()
    assert not find_accessibility_problems(page)

    if language == "ru":
        texts = page.locator("main, #help").all_inner_texts()
        shown = re.sub(r"(?s)Straße & <b>Въезд</b> 100%|damaged photo|gate-\d|CSV|Enter|Esc|Shift", "", " ".join(texts))
        assert not LATIN_WORD.findall(shown)


def test_archive_fits_a_phone(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url, size=PHONE).open("/images?label=speed:83")
    page.locator(".card-check").first.check()

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator(".image-card").first).to_be_in_viewport()


def test_presets_are_days_of_the_configured_zone(valkey: RedisServer, tmp_path: Path, open_at: OpenWindow) -> None:
    zones = {name: ZoneInfo(name) for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago")}  # 25 hours apart
    for name, zone in zones.items():
        folder = tmp_path / name.replace("/", "-")
        folder.mkdir()
        with open_api(Backends(valkey.url, folder, page=PageOptions(zone))) as api:
            now = datetime.now(UTC)
            api.archive(record(PHOTO, "now", now))
            page = open_at(api.url).open("/images")
            page.get_by_role("link", name="Today").click()
            expect(page.locator(".image-card")).to_have_count(1)
            expect(page.get_by_role("link", name="Today")).to_have_attribute("aria-current", "true")
            # A test that runs across midnight of the zone may see either day.
            days = {f"{moment.astimezone(zone):%Y-%m-%d}" for moment in (now, datetime.now(UTC))}
            assert set(parse_qs(urlsplit(page.url).query)["from"]) <= days
            page.get_by_role("link", name="Yesterday").click()
            expect(page.locator("#empty")).to_be_visible()
            page.close()


def test_pages_are_compressed_for_clients_that_accept_it(filled: Api) -> None:
    for path in ("/images", "/images/cards"):
        plain = filled.client.get(path, headers={"Accept-Encoding": "identity"})
        compressed = filled.client.get(path, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert compressed.headers["content-encoding"] == "gzip"
        assert compressed.text == plain.text
        assert int(compressed.headers["content-length"]) < len(plain.content) / 4
        assert "Accept-Encoding" in plain.headers["vary"]
