"""The archive view while images arrive, and while Redis or the API is down."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.product import Pipeline, photo
from tests.integration.api.serving import Backends, open_api
from tests.servers.queues import running_valkey
from tests.web.archives import fill
from tests.web.conftest import OpenWindow


def test_new_images_are_offered_in_every_window(pipeline: Pipeline, open_at: OpenWindow) -> None:
    pipeline.await_status(pipeline.send(photo(), "first"), "stored")
    window, russian = open_at(pipeline.url), open_at(pipeline.url, language="ru")
    pages = [window.open("/images"), russian.open("/images"), window.open("/images?q=second")]
    for page in pages:
        expect(page.locator("#show-help")).to_be_visible()
    for text in ("second", "third"):
        pipeline.await_status(pipeline.send(photo(), text), "stored")

    expect(pages[0].locator("#arrivals")).to_have_text("2 new images")
    expect(pages[1].locator("#arrivals")).to_have_text("2 новых снимка")
    expect(pages[2].locator("#arrivals")).to_have_text("1 new image", timeout=20_000)
    expect(pages[0].locator(".image-card")).to_have_count(1)
    pages[0].locator("#arrivals a").click()
    expect(pages[0].locator(".card-description")).to_have_text(["third", "second", "first"])


def test_list_goes_on_after_a_restart_of_the_api(pipeline: Pipeline, open_at: OpenWindow) -> None:
    ids = [pipeline.send(photo(32, 32), f"Image {number}") for number in range(60)]
    for image_id in ids:
        pipeline.await_status(image_id, "stored")
    window = open_at(pipeline.url)
    window.expected_errors.append("net::ERR_")  # which one depends on where the connection ends
    page = _open_without_scrolling(window.context.new_page(), f"{pipeline.url}/images?q=image")
    pipeline.kill("api")
    page.locator("#more").scroll_into_view_if_needed()
    expect(page.locator("#more")).to_contain_text("The server cannot be reached.")
    pipeline.start("api")
    pipeline.await_ready()
    page.get_by_role("link", name="Retry").click()

    expect(page.locator(".image-card")).to_have_count(60)


def _open_without_scrolling(page: Page, url: str) -> Page:
    """Open a list in a low window, so that its end is far away."""
    page.set_viewport_size({"width": 320, "height": 200})
    page.goto(url)
    expect(page.locator(".image-card")).to_have_count(48)
    return page


def test_archive_works_while_redis_is_down(tmp_path: Path, open_at: OpenWindow) -> None:
    with running_valkey() as server, open_api(Backends(server.url, tmp_path)) as api:
        fill(api, 60)
        server.stop()
        window = open_at(api.url)
        window.expected_errors += ["503", "ERR_INCOMPLETE_CHUNKED_ENCODING", "404"]
        page = window.open("/images?q=image")
        page.locator("#more").scroll_into_view_if_needed()
        expect(page.locator(".image-card")).to_have_count(60)
        page.locator(".card-link").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Image 0")

        page.goto(f"{api.url}/images/0197a2b4-0000-7000-8000-000000000000")
        expect(page.locator("main")).to_contain_text("The archive or the queue is unavailable.")
        page.close()
        server.start()
