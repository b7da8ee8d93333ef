"""The view that sends images, while the API restarts and Redis is unavailable."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.product import Pipeline, place, running_pipeline
from tests.servers.queues import RedisServer, running_valkey
from tests.servers.suspension import hung
from tests.web.browser import Window
from tests.web.conftest import OpenWindow
from tests.web.sending import await_scripts, expect_state, expect_summary, file, items, open_send, send

RECOVERY_SECONDS = 90
# What the console of a browser contains during an outage.
OUTAGE = ["Failed to load resource", "ERR_", "EventSource"]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="module")
def outage_pipeline(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline whose Redis a test can stop."""
    folder = tmp_path_factory.mktemp("outages")
    where = place(folder, redis.url, f"sqlite:///{folder}/captiond.db").but(request_timeout="2")
    with running_pipeline(where) as running:
        yield running


@pytest.fixture
def window(outage_pipeline: Pipeline, open_at: OpenWindow) -> Window:
    window = open_at(outage_pipeline.url)
    window.expected_errors += OUTAGE
    return window


def count_archived(pipeline: Pipeline, description: str) -> int:
    return len(pipeline.client.get("/api/images", params={"q": description, "limit": "1000"}).json())


def send_many(page: Page, description: str) -> None:
    send(page, *(file(f"{number}.jpg") for number in range(20)), description=description)


def test_uploads_continue_after_a_restart_of_the_api(outage_pipeline: Pipeline, window: Window) -> None:
    page = open_send(window)
    outage_pipeline.kill("api")
    send_many(page, "API restarted")
    expect(page.locator("#pause-reason")).to_contain_text("The server cannot be reached.")
    expect_summary(page, "20 to upload")
    expect(page.get_by_role("button", name="Retry now")).to_be_visible()
    outage_pipeline.start("api")
    outage_pipeline.await_ready()
    page.locator("#retry-now").dispatch_event("click")  # the page may have retried and hidden it meanwhile

    expect_summary(page, "20 stored", RECOVERY_SECONDS)
    expect(page.locator("#pause")).to_be_hidden()
    assert count_archived(outage_pipeline, "API restarted") == 20


def test_closed_page_continues_after_a_restart_of_the_api(outage_pipeline: Pipeline, window: Window) -> None:
    page = open_send(window)
    outage_pipeline.kill("api")
    send_many(page, "closed meanwhile")
    expect_summary(page, "20 to upload")
    page.close()
    outage_pipeline.start("api")
    outage_pipeline.await_ready()

    page = open_send(window)
    expect(items(page)).to_have_count(20)
    expect_summary(page, "20 stored", RECOVERY_SECONDS)
    assert count_archived(outage_pipeline, "closed meanwhile") == 20


def test_uploads_continue_when_redis_is_back(outage_pipeline: Pipeline, redis: RedisServer, window: Window) -> None:
    page = open_send(window)
    redis.kill()
    send_many(page, "Redis killed")
    expect(page.locator("#pause-reason")).to_contain_text("The archive or the queue is unavailable.")
    redis.start()

    expect_summary(page, "20 stored", RECOVERY_SECONDS)
    assert count_archived(outage_pipeline, "Redis killed") == 20


def test_uploads_continue_when_redis_was_suspended(
    outage_pipeline: Pipeline, redis: RedisServer, window: Window
) -> None:
    page = open_send(window)
    with hung(redis):
        send_many(page, "Redis suspended")
        expect(page.locator("#pause-reason")).to_contain_text("The archive or the queue is unavailable.")

    expect_summary(page, "20 stored", RECOVERY_SECONDS)
    assert count_archived(outage_pipeline, "Redis suspended") == 20


def test_states_are_followed_after_an_outage(outage_pipeline: Pipeline, redis: RedisServer, window: Window) -> None:
    page = open_send(window)
    outage_pipeline.kill("captioner")
    send(page, file("a.jpg"), description="in flight")
    expect_state(page, "a.jpg", "queued")
    redis.restart()
    outage_pipeline.kill("api")
    outage_pipeline.start("api", "captioner")

    expect_state(page, "a.jpg", "stored", RECOVERY_SECONDS)
    page.reload()
    await_scripts(page)
    expect_state(page, "a.jpg", "stored")
