"""The view of an image that is not archived yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from captiond.imaging import BadImage
from tests.integration.api.serving import Api, Backends, jpeg, open_api
from tests.servers.queues import RedisServer
from tests.web.browser import find_accessibility_problems
from tests.web.conftest import OpenWindow


@pytest.fixture
def own_api(valkey: RedisServer, tmp_path: Path) -> Iterator[Api]:
    with open_api(Backends(valkey.url, tmp_path)) as api:
        yield api


@pytest.mark.parametrize("language", ["en", "ru"])
def test_view_follows_an_image_until_it_is_archived(own_api: Api, open_at: OpenWindow, language: str) -> None:
    texts = {
        "en": ("Queued: waiting for its caption", "Captioned: being archived"),
        "ru": ("В очереди: ожидает подписи", "Подпись добавлена: записывается в архив"),
    }[language]
    image_id = own_api.send(jpeg(), "followed").json()["id"]
    page = open_at(own_api.url, language=language).open(f"/images/{image_id}")
    expect(page.locator("#in-flight")).to_contain_text(texts[0])
    assert not find_accessibility_problems(page)
    own_api.caption()
    expect(page.locator("#in-flight")).to_contain_text(texts[1])
    own_api.store()

    expect(page.get_by_role("heading", level=1)).to_have_text("followed")
    expect(page.locator("#picture")).to_have_js_property("naturalWidth", 16)


def test_view_of_a_failed_image_shows_the_reason(own_api: Api, open_at: OpenWindow) -> None:
    image_id = own_api.send(jpeg(), "fails").json()["id"]
    page = open_at(own_api.url).open(f"/images/{image_id}")
    expect(page.locator("#in-flight")).to_be_visible()
    own_api.fail(BadImage("the photo has no pixels"))

    expect(page.locator(".notice.bad")).to_contain_text("the photo has no pixels")
    assert not find_accessibility_problems(page)


def test_view_polls_where_events_are_unavailable(valkey: RedisServer, tmp_path: Path, open_at: OpenWindow) -> None:
    with open_api(Backends(valkey.url, tmp_path, event_streams=0)) as api:
        image_id = api.send(jpeg(), "polled").json()["id"]
        window = open_at(api.url)
        window.expected_errors += ["503", "text/event-stream"]
        page = window.open(f"/images/{image_id}")
        expect(page.locator("#in-flight")).to_be_visible()
        api.caption()
        api.store()

        expect(page.get_by_role("heading", level=1)).to_have_text("polled", timeout=15_000)
        page.close()


def test_view_reloads_itself_without_scripts(own_api: Api, open_at: OpenWindow) -> None:
    image_id = own_api.send(jpeg(), "reloaded").json()["id"]
    page = open_at(own_api.url, scripts=False).open(f"/images/{image_id}")
    expect(page.locator("#in-flight")).to_be_visible()
    own_api.caption()
    own_api.store()

    expect(page.get_by_role("heading", level=1)).to_have_text("reloaded", timeout=15_000)
