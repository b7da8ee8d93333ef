"""The size of each view, as browsers transfer it."""

import pytest
from playwright.sync_api import Response

from captiond.imaging import BadImage
from captiond.services.api.web.operations import LETTERS
from tests.integration.api.serving import Api, jpeg, record
from tests.integration.api.test_dead_letters import fail_upload
from tests.integration.api.test_operations import wait_for_sample
from tests.web.conftest import OpenWindow

MAX_BYTES = 100_000


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("path", ["/", "/images", "/images/{id}", "/ops"])
def test_view_without_images_has_less_than_100_kb(own_api: Api, open_at: OpenWindow, path: str, language: str) -> None:
    [image] = own_api.archive(record(jpeg(), "archived"))
    own_api.send(jpeg(), "queued")
    wait_for_sample(own_api)
    for number in range(LETTERS):
        fail_upload(own_api, f"image {number}", BadImage("no scan"))
    page = open_at(own_api.url, language=language).context.new_page()
    loaded: dict[str, int] = {}

    def add(response: Response) -> None:
        if response.request.resource_type != "eventsource":  # it does not end
            loaded[response.url] = 0

    page.on("response", add)
    page.goto(own_api.url + path.format(id=image.id))
    page.wait_for_load_state("networkidle")

    for url in loaded:
        response = own_api.client.get(url, headers={"Accept-Language": language, "Accept-Encoding": "gzip"})
        if not response.headers["content-type"].startswith("image/") or url.endswith(".svg"):
            loaded[url] = response.num_bytes_downloaded
    assert any(url.endswith("/css/base.css") for url in loaded)
    assert 0 < sum(loaded.values()) < MAX_BYTES, loaded
