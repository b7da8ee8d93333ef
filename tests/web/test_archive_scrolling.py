"""Endless scrolling, the way back from an image, keys and selection."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.integration.api.serving import Api, Backends, open_api, record
from tests.servers.queues import RedisServer
from tests.web.archives import PHOTO, fill
from tests.web.browser import DESKTOP
from tests.web.conftest import OpenWindow

COUNT = 200


@pytest.fixture(scope="module")
def filled(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("scrolling"))) as api:
        fill(api, COUNT, camera="=gate,1")
        yield api


def scroll_to(page: Page, number: int) -> None:
    """Scroll until an image is loaded and visible."""
    card = page.locator(".image-card").nth(number)
    while page.locator(".image-card").count() <= number:
        page.locator("#more").scroll_into_view_if_needed()
        expect(page.locator("#more")).not_to_contain_text("Loading…")
    card.scroll_into_view_if_needed()
    expect(card).to_be_in_viewport()


def focused(page: Page) -> str:
    """The description of the image whose link has the focus."""
    text: str = page.evaluate(
        "document.activeElement.matches('.card-link') ? "
        "document.activeElement.querySelector('.card-description').textContent : ''"
    )
    return text


def test_scrolling_loads_every_image_once(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images")
    scroll_to(page, COUNT - 1)

    expect(page.locator("#more")).to_contain_text("End of the list")
    texts = page.locator(".card-description").all_text_contents()
    assert texts == [f"Image {number}" for number in range(COUNT)]
    expect(page.get_by_role("link", name="Older images")).to_have_count(0)


def test_failed_page_can_be_retried(filled: Api, open_at: OpenWindow) -> None:
    window = open_at(filled.url)
    window.expected_errors.append("503")
    page = window.context.new_page()
    fails = True

    def answer(route: Route) -> None:
        if fails:
            route.fulfill(status=503, json={"type": "urn:captiond:problem:unavailable", "detail": "Down for a test."})
        else:
            route.continue_()

    page.route("**/images/cards?*", answer)
    page.goto(f"{filled.url}/images")
    page.locator("#more").scroll_into_view_if_needed()
    expect(page.locator("#more")).to_contain_text("Down for a test.")
    fails = False
    page.get_by_role("link", name="Retry").click()

    expect(page.locator(".image-card").nth(48)).to_be_attached()
    expect(page.locator("#more")).not_to_contain_text("Down for a test.")


@pytest.mark.parametrize("way", ["link", "history", "key"])
def test_way_back_keeps_pages_position_and_selection(filled: Api, open_at: OpenWindow, way: str) -> None:
    page = open_at(filled.url).open("/images?q=image")
    scroll_to(page, 120)
    page.locator(".card-check").nth(118).check()
    card = page.locator(".image-card").nth(120)
    before = card.bounding_box()
    card.get_by_role("link").click()
    page.wait_for_url("**/images/*-*?q=image")
    expect(page.locator("#viewer-tools")).to_be_visible()
    if way == "link":
        page.get_by_role("link", name="Back to the list").click()
    elif way == "key":
        page.keyboard.press("u")
    else:
        page.go_back()
    page.wait_for_url("**/images?q=image")

    expect(card).to_be_in_viewport()
    after = card.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 20
    assert focused(page) == "Image 120"
    expect(page.locator("#selection")).to_contain_text("1 image selected")
    scroll_to(page, COUNT - 1)
    assert page.locator(".card-description").all_text_contents() == [f"Image {number}" for number in range(COUNT)]


def test_way_back_shows_the_image_that_was_seen_last(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images?q=image")
    page.locator(".image-card").first.get_by_role("link").click()
    for number in range(1, 6):
        page.get_by_role("link", name="Older").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Image {number}")
    expect(page.locator("#viewer-tools")).to_be_visible()
    page.get_by_role("link", name="Back to the list").click()

    expect(page.locator(".image-card").nth(5)).to_be_in_viewport()
    assert focused(page) == "Image 5"


def test_reload_starts_at_the_newest_image(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images")
    scroll_to(page, 60)
    page.reload()

    expect(page.locator(".card-description").first).to_have_text("Image 0")


def test_keys_move_open_and_select(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images")
    columns = page.evaluate("getComputedStyle(document.querySelector('#cards')).gridTemplateColumns.split(' ').length")
    page.locator("#more [role=status]").wait_for(state="attached")
    moves = []
    for key in ("j", "j", "k", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
        moves.append(focused(page).removeprefix("Image "))
    assert moves == ["0", "1", "0", "1", str(1 + columns), "1", "0"]
    assert page.locator(".card-link[tabindex='0']").count() == 1

    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    expect(page.locator("#selection")).to_contain_text("2 images selected")
    page.keyboard.press("Escape")
    expect(page.locator("#selection")).to_be_hidden()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Open the image")
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert focused(page) == "Image 1"

    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("jx?")
    expect(page.get_by_role("searchbox")).to_have_value("jx?")

    page.locator(".card-link").nth(2).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Image 2")


def test_moving_past_the_last_image_loads_the_next_page(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url, size={**DESKTOP, "height": 3000}).open("/images")
    for number in range(60):
        expect(page.locator(".image-card").nth(number)).to_be_attached()
        page.keyboard.press("j")

    assert focused(page) == "Image 59"


def test_shift_click_selects_a_range(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images")
    boxes = page.locator(".card-check")
    boxes.nth(1).click()
    boxes.nth(5).click(modifiers=["Shift"])
    expect(page.locator("#selection")).to_contain_text("5 images selected")
    boxes.nth(3).click(modifiers=["Shift"])

    expect(page.locator("#selection")).to_contain_text("2 images selected")
    assert [number for number in range(8) if boxes.nth(number).is_checked()] == [1, 2]


def test_all_matching_images_are_selected_and_listed(filled: Api, open_at: OpenWindow, tmp_path: Path) -> None:
    window = open_at(filled.url)
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = window.open("/images?q=image+1")  # 1, 10 to 19, 100 to 199
    page.locator(".card-check").first.click()
    page.get_by_role("button", name="Select all matching").click()
    expect(page.locator("#selection")).to_contain_text("111 images selected")
    expect(page.get_by_role("button", name="Select all matching")).to_be_hidden()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download list (CSV)").click()
    download.value.save_as(tmp_path / "list.csv")
    page.get_by_role("button", name="Copy IDs").click()
    expect(page.locator("#selection")).to_contain_text("The IDs are copied.")

    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["description"] for row in rows} == {f"Image {n}" for n in range(COUNT) if str(n).startswith("1")}
    assert {row["camera"] for row in rows} == {"'=gate,1"}
    assert {row["url"] for row in rows} == {f"{filled.url}/images/{row['id']}" for row in rows}
    copied = page.evaluate("navigator.clipboard.readText()").split()
    assert sorted(copied) == sorted(row["id"] for row in rows)
    page.get_by_role("button", name="Clear selection").click()
    expect(page.locator(".image-card.selected")).to_have_count(0)


def test_shortcuts_of_one_character_can_be_switched_off(filled: Api, open_at: OpenWindow) -> None:
    page = open_at(filled.url).open("/images")
    page.keyboard.press("?")
    page.get_by_label("Use shortcuts of one character").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("j")
    page.keyboard.press("/")
    page.keyboard.press("?")
    assert focused(page) == ""
    expect(page.get_by_role("searchbox")).not_to_be_focused()
    page.keyboard.press("ArrowRight")
    assert focused(page) == "Image 0"

    page.locator(".card-link").first.click()
    expect(page.locator("#viewer-tools")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", level=1)).to_have_text("Image 1")


def test_pages_work_behind_a_prefix(valkey: RedisServer, tmp_path: Path, open_at: OpenWindow) -> None:
    with open_api(Backends(valkey.url, tmp_path, root_path="/cameras")) as api:
        fill(api, 60)
        window = open_at(api.url)
        # As a proxy, which removes the prefix.
        window.context.route(
            f"{api.url}/cameras/**", lambda route: route.continue_(url=route.request.url.replace("/cameras/", "/", 1))
        )
        page = window.open("/cameras/images")
        scroll_to(page, 55)
        image = page.locator(".image-card img").nth(55)
        expect(image).to_have_js_property("naturalWidth", 64)
        page.locator(".card-link").nth(55).click()
        page.wait_for_url("**/cameras/images/*")
        expect(page.locator("#picture")).to_have_js_property("naturalWidth", 64)
        expect(page.locator("#viewer-tools")).to_be_visible()
        page.keyboard.press("u")
        expect(page.locator(".image-card").nth(55)).to_be_in_viewport()
        page.close()


def test_images_that_arrived_meanwhile_are_offered_on_the_way_back(
    valkey: RedisServer, tmp_path: Path, open_at: OpenWindow
) -> None:
    with open_api(Backends(valkey.url, tmp_path)) as api:
        fill(api, 3)
        page = open_at(api.url).open("/images")
        page.locator(".card-link").nth(1).click()
        expect(page.locator("#viewer-tools")).to_be_visible()
        api.archive(record(PHOTO, "new"))
        page.get_by_role("link", name="Back to the list").click()

        expect(page.locator(".image-card")).to_have_count(3)
        expect(page.locator("#arrivals")).to_have_text("1 new image")
        page.close()
