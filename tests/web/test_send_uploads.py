"""The view that sends images, on a whole pipeline: many files, live states, failures, reloads, several windows."""

import re

import pytest
from playwright.sync_api import Page, Request, expect

from tests.e2e.product import Pipeline, photo
from tests.web.browser import Window, find_accessibility_problems
from tests.web.conftest import OpenWindow
from tests.web.sending import (
    BROKEN,
    await_scripts,
    choose,
    describe,
    expect_state,
    expect_summary,
    file,
    image_ids,
    item,
    items,
    open_send,
    send,
    submit,
)

COUNT = 100
UPLOAD_SECONDS = 90


def archived(pipeline: Pipeline, description: str) -> list[str]:
    """The ids of the archived images with a description."""
    found = pipeline.client.get("/api/images", params={"q": description, "limit": "1000"}).json()
    return sorted(image["id"] for image in found)


def is_upload(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/api/images")


def record_keys(window: Window) -> list[str]:
    """A list to which the Idempotency-Key of each upload is added."""
    keys: list[str] = []

    def record(request: Request) -> None:
        if is_upload(request):
            keys.append(request.headers["idempotency-key"])

    window.context.on("request", record)
    return keys


@pytest.fixture
def files() -> list[dict[str, object]]:
    content = photo()
    return [{**file(f"photo-{number:03}.jpg", content)} for number in range(COUNT)]


def test_hundred_files_are_sent_at_once(
    pipeline: Pipeline, open_at: OpenWindow, files: list[dict[str, object]]
) -> None:
    window = open_at(pipeline.url)
    page = open_send(window)
    active: set[Request] = set()
    most_active: list[int] = []

    def begin(request: Request) -> None:
        if is_upload(request):
            active.add(request)
            most_active.append(len(active))

    def end(request: Request) -> None:
        active.discard(request)

    page.on("request", begin)
    page.on("requestfinished", end)
    page.locator("#files").set_input_files(files)  # type: ignore[arg-type] # FilePayload
    expect(items(page)).to_have_count(COUNT)
    describe(page, "hundred at once")
    submit(page)
    expect_summary(page, f"{COUNT} stored", UPLOAD_SECONDS)

    assert max(most_active) <= 4
    assert len(image_ids(page)) == COUNT
    assert sorted(image_ids(page)) == archived(pipeline, "hundred at once")
    expect(page.locator("#total")).to_have_js_property("value", 1)


def test_stored_image_has_a_link_and_its_thumbnail(pipeline: Pipeline, open_at: OpenWindow) -> None:
    page = open_send(open_at(pipeline.url))
    send(page, file("a.jpg"), description="with a link")
    expect_state(page, "a.jpg", "stored")

    [image_id] = archived(pipeline, "with a link")
    expect(page.get_by_role("link", name="a.jpg", exact=True)).to_have_attribute("href", f"/images/{image_id}")
    thumbnail = item(page, "a.jpg").locator("img")
    expect(thumbnail).to_have_attribute("src", f"/api/images/{image_id}/thumbnail")
    expect(thumbnail).to_have_js_property("complete", value=True)
    assert thumbnail.evaluate("image => image.naturalHeight") > 0


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_failed_image_has_its_reason_and_can_be_sent_again(
    pipeline: Pipeline, open_at: OpenWindow, language: str, theme: str
) -> None:
    window = open_at(pipeline.url, language=language, theme=theme)
    keys = record_keys(window)
    page = open_send(window)
    description = f"partly broken {language} {theme}"
    send(page, file("good.jpg"), file("broken.jpg", BROKEN), description=description)
    expect_summary(page, "1 stored, 1 failed" if language == "en" else "1 в архиве, 1 с ошибкой")
    fault = item(page, "broken.jpg").locator(".fault")
    expect(fault).to_contain_text(
        "The image could not be captioned." if language == "en" else "Не удалось добавить подпись к снимку."
    )
    expect(fault.locator("[lang=en]")).not_to_be_empty()
    assert not find_accessibility_problems(page)

    for button in (item(page, "broken.jpg").locator(".retry"), page.locator("#retry-all")):
        with page.expect_request(is_upload):
            button.click()
        expect(item(page, "broken.jpg")).to_have_attribute("data-state", "failed", timeout=20_000)
        expect_summary(page, "1 stored, 1 failed" if language == "en" else "1 в архиве, 1 с ошибкой")

    assert len(keys) == 4
    assert len(set(keys)) == 4
    assert len(archived(pipeline, description)) == 1
    page.locator("#clear").click()
    expect(items(page)).to_have_count(1)


def test_reload_continues_and_sends_nothing_twice(
    pipeline: Pipeline, open_at: OpenWindow, files: list[dict[str, object]]
) -> None:
    window = open_at(pipeline.url)
    page = open_send(window)
    page.locator("#files").set_input_files(files)  # type: ignore[arg-type] # FilePayload
    expect(items(page)).to_have_count(COUNT)
    describe(page, "reloaded")
    submit(page)
    expect(page.locator("#summary")).to_contain_text("to upload")
    for _ in range(2):
        page.reload()
        await_scripts(page)
        expect(items(page)).to_have_count(COUNT)
    expect_summary(page, f"{COUNT} stored", UPLOAD_SECONDS)

    assert sorted(image_ids(page)) == archived(pipeline, "reloaded")
    page.reload()
    await_scripts(page)
    expect_summary(page, f"{COUNT} stored")


# Keeps a transaction open, for which all later ones wait.
OCCUPY_STORE = """() => new Promise((resolve) => {
  const opening = indexedDB.open("captiond-send");
  opening.addEventListener("success", () => {
    const items = opening.result.transaction(["items", "files"], "readwrite").objectStore("items");
    const read = () => items.get("").addEventListener("success", read);
    read();
    resolve();
  });
})"""


def test_reload_before_the_list_is_stored_continues(pipeline: Pipeline, open_at: OpenWindow) -> None:
    page = open_send(open_at(pipeline.url))
    choose(page, file("a.jpg"), file("b.jpg"))
    describe(page, "not stored yet")
    page.evaluate(OCCUPY_STORE)
    submit(page)
    expect(page.locator("#summary")).to_contain_text("to upload")
    page.reload()
    await_scripts(page)

    expect_summary(page, "2 stored")
    assert len(archived(pipeline, "not stored yet")) == 2


def test_unsent_files_and_texts_survive_a_reload(pipeline: Pipeline, open_at: OpenWindow) -> None:
    page = open_send(open_at(pipeline.url))
    choose(page, file("a.jpg"), file("b.jpg"))
    describe(page, "common text")
    item(page, "b.jpg").locator("textarea").fill("own text")
    page.get_by_text("Camera, time and labels").click()
    page.get_by_label("Camera", exact=True).fill("Gate 3")
    page.reload()
    await_scripts(page)

    expect(items(page)).to_have_count(2)
    expect(page.locator("#description")).to_have_value("common text")
    expect(page.get_by_label("Camera", exact=True)).to_have_value("Gate 3")
    expect(item(page, "b.jpg").locator("textarea")).to_have_value("own text")
    submit(page)
    expect_summary(page, "2 stored")
    assert len(archived(pipeline, "own text")) == 1
    assert len(archived(pipeline, "common text")) == 1


def test_new_tab_continues_the_list_of_a_closed_one(pipeline: Pipeline, open_at: OpenWindow) -> None:
    window = open_at(pipeline.url)
    first = open_send(window)
    choose(first, file("a.jpg"))
    expect(items(first)).to_have_count(1)
    first.reload()  # the file is in the database afterwards
    await_scripts(first)
    expect(items(first)).to_have_count(1)
    first.close()

    second = open_send(window)
    expect(items(second)).to_have_count(1)
    describe(second, "of a closed tab")
    submit(second)
    expect_summary(second, "1 stored")
    assert len(archived(pipeline, "of a closed tab")) == 1


def test_two_windows_have_their_own_lists(pipeline: Pipeline, open_at: OpenWindow) -> None:
    window = open_at(pipeline.url)
    pages: list[Page] = [open_send(window), open_send(window)]
    for number, page in enumerate(pages):
        choose(page, *(file(f"{number}-{index}.jpg") for index in range(10)))
        expect(items(page)).to_have_count(10)
        describe(page, f"window number {number}")
    for page in pages:
        submit(page)
    for number, page in enumerate(pages):
        expect_summary(page, "10 stored")
        assert sorted(image_ids(page)) == archived(pipeline, f"window number {number}")

    pages[1].reload()
    await_scripts(pages[1])
    expect(items(pages[1]).filter(has_text=re.compile("1-"))).to_have_count(10)
    expect(items(pages[1])).to_have_count(10)
