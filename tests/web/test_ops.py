"""The view for operators: figures, charts, workers, settings, refresh, unavailable servers."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from captiond.imaging import BadImage
from captiond.operations.verify_report import VerifyReport, store_report
from captiond.pipeline import DAMAGED
from tests.e2e.product import Pipeline, photo
from tests.integration.api.serving import Api, Backends, jpeg, open_api
from tests.integration.api.test_dead_letters import fail_upload
from tests.integration.api.test_operations import wait_for_sample
from tests.servers.queues import RedisServer, running_valkey
from tests.servers.suspension import hung
from tests.web.browser import PHONE, find_accessibility_problems
from tests.web.conftest import OpenWindow

# Texts that are not translated: names, and what is marked as English or as code.
UNTRANSLATED = """() => {
    const texts = [];
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        if (!parent.closest("code, pre, [lang=en], noscript, #workers, .versions dd")) {
            texts.push(walker.currentNode.textContent);
        }
    }
    return texts.join(" ");
}"""
LATIN_WORD = re.compile(r"[A-Za-z]{3,}")
KNOWN_WORDS = {
    "API",
    "JPEG",
    "Pillow",
    "Python",
    "captiond",
    "verify",
    "captioner",
    "archiver",
    "GiB",
    "MiB",
    "KiB",
    "uploads",
    "captioned",
    "webhooks",
}


@pytest.fixture
def own_valkey() -> Iterator[RedisServer]:
    """A server that the test may suspend or stop."""
    with running_valkey() as server:
        yield server


def fill(api: Api) -> None:
    """Add a queued, a failed and an archived image, and a result of `captiond verify`."""
    api.send(jpeg(), "before")
    wait_for_sample(api)
    api.caption()
    api.store()
    fail_upload(api, "Склад 2", BadImage("no scan"))
    api.send(jpeg(), "queued")
    api.broker.monitor.count({DAMAGED: 1})
    store_report(
        api.broker.monitor,
        VerifyReport(
            started_at=datetime(2026, 11, 23, 22, 31, tzinfo=UTC),
            finished_at=datetime(2026, 11, 23, 22, 33, tzinfo=UTC),
            images=1234,
            findings={"missing": 2},
            version="0.3.0",
            host="db1",
        ),
    )


def figure(page: Page, region: str, name: str) -> str:
    """Return a figure of a region of the view by its label."""
    pair = page.get_by_role("region", name=region).locator("dl > div").filter(has=page.get_by_text(name, exact=True))
    return pair.locator("dd").inner_text()


def test_figures_of_queues_limits_and_rates_are_shown(own_api: Api, open_at: OpenWindow) -> None:
    fill(own_api)
    page = open_at(own_api.url).open("/ops")

    assert page.get_by_text("Ready: uploads are accepted and archived.").is_visible()
    uploads = "Waiting for a caption uploads"
    expected = {"Depth": "1", "In flight": "0", "Delayed for a retry": "0", "Active workers": "2", "Dead letters": "1"}
    assert {name: figure(page, uploads, name) for name in expected} == expected
    assert re.fullmatch(r"[\d.]+ (sec|min)", figure(page, uploads, "Oldest message"))
    assert re.fullmatch(r"[\d.]+ (B|KiB)", figure(page, uploads, "Size"))
    assert page.get_by_text("1 of 10,000").is_visible()
    messages = page.get_by_role("meter", name="Messages")
    assert (messages.get_attribute("value"), messages.get_attribute("max")) == ("1", "10000")
    for period in ("Last hour", "Last day"):
        counts = [figure(page, period, name).split("\n")[0].split()[0] for name in ("Accepted", "Archived", "Damaged")]
        assert counts == ["2", "1", "1"]


def test_chart_has_title_description_and_the_figures_as_table(own_api: Api, open_at: OpenWindow) -> None:
    fill(own_api)
    page = open_at(own_api.url).open("/ops")

    chart = page.get_by_role("img", name="Last hour: images per minute")
    assert chart.locator("path.archived").get_attribute("d")
    assert chart.locator("path.failed").get_attribute("d")
    assert chart.locator("rect.gap").count() == 1
    assert "Accepted: 2. Failed: 1. Parts of the time have no values." in (chart.locator("desc").text_content() or "")
    assert chart.locator("text").first.inner_html().endswith(" per min")
    table = page.get_by_role("region", name="Last hour", exact=True).first
    table.get_by_text("Figures per 5 minutes").click()
    rows = [row.inner_text().split() for row in table.get_by_role("row").all()]
    assert rows[0] == ["Time", "Accepted", "Archived", "Failed", "Damaged"]
    assert (len(rows), rows[-1][-4:]) == (13, ["2", "1", "1", "1"])
    assert rows[1][-2:] == ["no", "values"]


def test_workers_verify_versions_and_settings_are_shown(own_api: Api, open_at: OpenWindow) -> None:
    fill(own_api)
    page = open_at(own_api.url).open("/ops")

    worker = page.get_by_role("region", name="Workers").get_by_role("row").nth(1)
    assert re.fullmatch(r"test\s+\S+\s+0\s+\d+ seconds? ago", worker.inner_text())
    assert worker.locator("time").get_attribute("datetime")
    verified = page.locator("#verify").inner_text()
    assert "2 findings 1,234 images, Nov 23, 2026" in verified
    assert "missing: 2" in verified
    assert "captiond verify 0.3.0 on db1 took 2 min." in verified
    assert "Valkey" in page.locator(".versions").inner_text()
    page.get_by_text("1 setting of this API process").click()
    assert page.get_by_role("region", name="Settings").get_by_role("row").nth(1).inner_text().split() == [
        "CAPTIOND_FONT_SIZE",
        "12",
        "default",
    ]


def test_empty_system_has_no_dead_letters_and_no_rates(own_api: Api, open_at: OpenWindow) -> None:
    page = open_at(own_api.url).open("/ops")

    assert page.get_by_text("No dead letters: no image has failed.").is_visible()
    assert page.get_by_text("No values yet. The API counts while it runs.").count() == 2
    assert page.get_by_text("No worker has connected yet.").is_visible()
    assert page.get_by_text("No result yet.").is_visible()
    assert page.get_by_role("button", name="Retry").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_view_is_accessible_and_translated(own_api: Api, open_at: OpenWindow, language: str, theme: str) -> None:
    fill(own_api)
    window = open_at(own_api.url, language=language, theme=theme)
    for path in ("/ops", "/ops?done=retry&changed=2&missing=1&failed=5&remaining=21&position=1-0-uploads"):
        page = window.open(path)
        page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
        expect(page.locator("#letters dl")).to_be_visible()
        assert not find_accessibility_problems(page)
        if language == "ru":
            words = set(LATIN_WORD.findall(page.evaluate(UNTRANSLATED)))
            assert words <= KNOWN_WORDS


@pytest.mark.parametrize("language", ["en", "ru"])
def test_view_fits_a_phone(own_api: Api, open_at: OpenWindow, language: str) -> None:
    fill(own_api)
    page = open_at(own_api.url, language=language, size=PHONE).open("/ops")
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")

    expect(page.locator("#letters dl")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or (box["height"] >= 24 and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"])


def test_view_refreshes_without_moving_the_focus_or_deleting_input(own_api: Api, open_at: OpenWindow) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))
    window = open_at(own_api.url)
    page = window.context.new_page()
    page.clock.install()
    page.goto(own_api.url + "/ops")
    page.locator(".letters summary").click()
    expect(page.locator(".letters dl")).to_be_visible()
    field = page.get_by_role("searchbox", name="Text in the error")
    field.press_sequentially("no sc")

    own_api.send(jpeg(), "two")
    page.clock.run_for(6000)

    expect(page.locator("#queue-uploads dd").first).to_have_text("1")
    expect(field).to_be_focused()
    expect(field).to_have_value("no sc")
    expect(page.locator(".letters dl")).to_be_visible()


def test_selected_dead_letters_stay_during_a_refresh(own_api: Api, open_at: OpenWindow) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))
    page = open_at(own_api.url).open("/ops")
    page.get_by_role("checkbox", name="Select", exact=True).check()

    fail_upload(own_api, "two", BadImage("no scan"))
    page.get_by_role("link", name="Refresh").click()

    expect(page.locator("#queue-uploads dd").last).to_have_text("2")
    expect(page.locator(".letters > li")).to_have_count(1)
    expect(page.get_by_role("checkbox", name="Select", exact=True)).to_be_checked()
    page.get_by_role("checkbox", name="Select", exact=True).uncheck()
    page.get_by_role("link", name="Refresh").click()
    expect(page.locator(".letters > li")).to_have_count(2)


def test_refresh_stops_while_paused_or_hidden(own_api: Api, open_at: OpenWindow) -> None:
    page = open_at(own_api.url).context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.clock.install()
    page.goto(own_api.url + "/ops")
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.clock.run_for(60_000)
    assert not [url for url in requests if "/ops/live" in url]

    with page.expect_request("**/ops/live*"):
        page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    pause = page.get_by_role("button", name="Pause updates")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#updates [role=status]")).to_be_empty()
    requests.clear()
    page.clock.run_for(60_000)
    assert not requests

    pause.click()
    with page.expect_request("**/ops/live*"):
        page.clock.run_for(6000)


def test_suspended_redis_is_named_and_the_rest_is_shown(
    own_valkey: RedisServer, open_at: OpenWindow, tmp_path: Path
) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        window = open_at(api.url)
        page = window.open("/ops")
        assert page.get_by_role("heading", name="Queues").is_visible()

        with hung(own_valkey):
            page.get_by_role("link", name="Refresh").click()
            expect(page.get_by_text("The queue server does not answer. Queues, rates")).to_be_visible()
            page = window.open("/ops")
            expect(page.get_by_text("Not ready.")).to_be_visible()
            expect(page.get_by_text("The dead letters cannot be read")).to_be_visible()
            assert "sqlite" in page.locator(".versions").inner_text()
            assert page.get_by_text("setting of this API process").is_visible()
            assert not find_accessibility_problems(page)

        page.get_by_role("link", name="Refresh").click()
        expect(page.get_by_text("Ready: uploads are accepted and archived.")).to_be_visible()
        expect(page.get_by_role("heading", name="Queues")).to_be_visible()
        window.context.close()  # before the server ends, because its tabs request updates


def test_unavailable_database_is_named_and_the_rest_is_shown(
    valkey: RedisServer, open_at: OpenWindow, tmp_path: Path
) -> None:
    with open_api(Backends(valkey.url, tmp_path, f"sqlite:///{tmp_path}/missing.db")) as api:
        page = open_at(api.url).open("/ops")

        assert page.get_by_text("The database does not answer.").is_visible()
        assert page.get_by_role("heading", name="Queues").is_visible()
        assert page.get_by_text("No dead letters: no image has failed.").is_visible()
        page.close()  # before the server ends, because the tab requests updates


def test_stopped_server_is_named_and_the_figures_stay(
    own_valkey: RedisServer, open_at: OpenWindow, tmp_path: Path
) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        window = open_at(api.url)
        window.expected_errors.append("net::ERR_")
        page = window.open("/ops")
    page.get_by_role("link", name="Refresh").click()

    expect(page.get_by_text("Not updated: The server cannot be reached.")).to_be_visible()
    assert page.get_by_role("heading", name="Queues").is_visible()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_disabled_view_explains_how_to_enable_it(
    valkey: RedisServer, open_at: OpenWindow, tmp_path: Path, language: str
) -> None:
    with open_api(Backends(valkey.url, tmp_path, audience="none")) as api:
        window = open_at(api.url, language=language)
        window.expected_errors.append("403")
        page = window.open("/ops")

        assert page.get_by_text("CAPTIOND_OPERATIONS=on").is_visible()
        assert not find_accessibility_problems(page)
        for method, path in (
            ("GET", "/ops/live"),
            ("GET", "/ops/dead-letters/uploads/1-1"),
            ("POST", "/ops/dead-letters"),
        ):
            assert api.client.request(method, path, headers={"Accept": "text/html"}).status_code == 403


def test_view_for_this_host_is_refused_behind_a_proxy(own_api: Api) -> None:
    response = own_api.client.get("/ops", headers={"X-Forwarded-For": "192.0.2.1", "Accept": "text/html"})

    assert response.status_code == 403
    assert "without a reverse proxy" in response.text


def test_view_of_a_running_pipeline(pipeline: Pipeline, open_at: OpenWindow) -> None:
    archived = pipeline.send(photo(), "Склад 2")
    failed = pipeline.send(b"\xff\xd8\xff no photo", "broken")
    pipeline.await_status(archived, "stored")
    pipeline.await_status(failed, "failed")
    page = open_at(pipeline.url).open("/ops")

    workers = page.get_by_role("region", name="Workers")
    assert workers.get_by_role("rowheader", name="captioner").is_visible()
    assert workers.get_by_role("rowheader", name="archiver").is_visible()
    letter = page.locator(".letters > li")
    expect(letter).to_have_count(1)
    assert "broken" in letter.inner_text()
    page.get_by_text(re.compile(r"\d+ settings of this API process")).click()
    settings = page.get_by_role("region", name="Settings")
    assert settings.get_by_role("row", name="CAPTIOND_REDIS_URL").get_by_text("environment").is_visible()

    letter.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("1 returned to its queue.")).to_be_focused()
    pipeline.await_status(failed, "failed")
    page.get_by_role("link", name="Refresh").click()
    expect(letter).to_have_count(1)
