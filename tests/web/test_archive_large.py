"""The archive view with 100,000 images: the number of requests, of bytes and of elements stays bounded."""

import re
from collections.abc import Iterator

import pytest
from benchmarks.growth.sample_rows import RARE, RARE_ROWS, insert_rows
from playwright.sync_api import Response, expect

from captiond.archive.sql.engine import open_engine
from tests.integration.api.serving import Api, Backends, open_api
from tests.servers.queues import RedisServer
from tests.web.conftest import OpenWindow

ROWS = 100_000
MAX_BYTES = 100_000


@pytest.fixture(scope="module")
def large(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("large")
    with open_api(Backends(valkey.url, folder)) as api:
        engine = open_engine(f"sqlite:///{folder}/captiond.db")
        insert_rows(engine, ROWS)
        engine.dispose()
        yield api


@pytest.mark.parametrize("language", ["en-US", "ru-RU"])
def test_page_weighs_less_than_100_kb_before_its_images(large: Api, open_at: OpenWindow, language: str) -> None:
    window = open_at(large.url, language=language)
    window.expected_errors.append("500")  # the rows have no files
    page = window.context.new_page()
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108 - Playwright sets an attribute
    page.goto(f"{large.url}/images")
    expect(page.locator(".card-check").first).to_be_visible()

    counted = [response for response in responses if "/api/" not in response.url and "/cards" not in response.url]
    weight = sum(response.request.sizes()["responseBodySize"] for response in counted)
    assert {"document", "stylesheet", "script"} <= {response.request.resource_type for response in counted}
    assert weight < MAX_BYTES
    expect(page.locator("#count")).to_contain_text("10,000" if language == "en-US" else "10\xa0000")


def test_pages_deep_in_the_list_are_whole_and_in_order(large: Api) -> None:
    path, times, seen = "/images", list[str](), set[str]()
    for _ in range(30):
        html = large.client.get(path).text
        ids = re.findall(r'data-id="([^"]+)"', html)
        times += re.findall(r'<time datetime="([^"]+)"', html)
        assert len([each for each in ids if each]) == 48
        assert not seen & set(ids) - {""}
        seen |= set(ids)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        assert following
        path = following[1].replace("&amp;", "&")
    assert [time for time in times if time] == sorted((time for time in times if time), reverse=True)

    # The last page.
    *_, last = (card["id"] for card in large.client.get("/images/cards?to=2026-01-01").json()["cards"])
    assert last
    rare = large.client.get("/images/cards", params={"q": RARE.upper()}).json()
    assert len(rare["cards"]) == RARE_ROWS
    assert rare["next"] is None


def test_long_list_stays_usable(large: Api, open_at: OpenWindow) -> None:
    window = open_at(large.url)
    window.expected_errors.append("500")
    page = window.context.new_page()
    page.route("**/thumbnail", lambda route: route.fulfill(status=204))
    page.goto(f"{large.url}/images")
    for count in range(48, 48 * 20, 48):
        expect(page.locator(".image-card").nth(count - 1)).to_be_attached()
        page.locator("#more").scroll_into_view_if_needed()
        expect(page.locator(".image-card").nth(count)).to_be_attached(timeout=20_000)
    anchor = page.locator(".image-card").nth(900)
    anchor.scroll_into_view_if_needed()
    anchor.get_by_role("link").click()
    expect(page.locator("#viewer-tools")).to_be_visible()
    page.get_by_role("link", name="Back to the list").click()

    expect(page.locator(".image-card").nth(900)).to_be_in_viewport()
    ids = page.locator(".image-card").evaluate_all("cards => cards.map((card) => card.dataset.id)")
    assert len(ids) == len(set(ids)) >= 901
