"""The views of the archive while all searches are busy, and for images whose status disagrees with the archive."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from captiond.archive.sql.searches import RUNNING
from captiond.messages import Status
from captiond.pipeline import CAPTIONED
from captiond.workqueue.worker import Acknowledge
from tests.integration.api.serving import Api, Backends, jpeg, open_api
from tests.servers.queues import RedisServer
from tests.web.archives import fill

PAGE = {"Accept": "text/html"}


@contextmanager
def busy_searches(api: Api) -> Iterator[None]:
    with ExitStack() as taken:
        for _ in range(RUNNING):
            taken.enter_context(api.context.archive._searches.take())  # noqa: SLF001 - slots without slow searches
        yield


def test_busy_searches_leave_out_the_count_and_the_neighbours(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path)) as api:
        images = fill(api, 3)
        with busy_searches(api):
            archive = api.client.get("/images", headers=PAGE)
            image = api.client.get(f"/images/{images[1].id}?q=image", headers=PAGE)
            search = api.client.get("/images?q=image", headers=PAGE)
        counted = api.client.get("/images", headers=PAGE)

    assert (archive.status_code, archive.text.count('class="image-card"')) == (200, 3 + 1)  # and the template
    assert "3 images" not in archive.text
    assert "3 images" in counted.text
    assert (image.status_code, 'rel="next"' in image.text) == (200, False)
    assert search.status_code == 503
    assert "Too many searches are running." in search.text


def test_stored_status_without_an_archived_image_is_unknown(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path)) as api:
        image_id = api.send(jpeg(), "deleted").json()["id"]
        api.caption()
        api.work(CAPTIONED, None, lambda _: Acknowledge(Status.STORED))
        response = api.client.get(f"/images/{image_id}", headers=PAGE)

    assert response.status_code == 404
    assert "No image has this ID." in response.text
