"""Dead letters in the view for operators."""

import re

import pytest
from playwright.sync_api import Page, expect

from captiond.imaging import BadImage
from captiond.pipeline import CAPTIONED, QUEUES, UPLOADS
from captiond.services.api.web.operations import LETTERS
from tests.integration.api.serving import Api
from tests.integration.api.test_dead_letters import add_many, count_scripts, fail_upload
from tests.servers.queues import RedisServer
from tests.web.browser import find_accessibility_problems
from tests.web.conftest import OpenWindow


def count(api: Api) -> int:
    return sum(api.broker.dead_letters(queue).count() for queue in QUEUES)


def errors(page: Page) -> list[str]:
    return page.locator(".letters .error").all_inner_texts()


def fail_three(api: Api) -> None:
    """Two dead letters in queue `uploads`, and the newest in queue `captioned`."""
    fail_upload(api, "one", BadImage("no scan"))
    fail_upload(api, "two", ValueError("broken <b>"))
    fail_upload(api, "three", OSError("disk full"), CAPTIONED)


def test_dead_letters_are_filtered_by_queue_and_reason(own_api: Api, open_at: OpenWindow) -> None:
    fail_three(own_api)
    page = open_at(own_api.url).open("/ops")
    assert errors(page) == ["OSError: disk full", "ValueError: broken <b>", "BadImage: no scan"]

    page.get_by_label("Queue", exact=True).select_option("uploads")
    page.get_by_role("button", name="Apply filter").click()
    page.wait_for_url("**/ops?queue=uploads&reason=#dead-letters")
    assert errors(page) == ["ValueError: broken <b>", "BadImage: no scan"]

    page.get_by_label("Text in the error").fill("NO SCAN")
    page.get_by_label("Text in the error").press("Enter")
    page.wait_for_url("**reason=NO+SCAN**")
    assert errors(page) == ["BadImage: no scan"]
    assert page.get_by_role("button", name="Delete all matching").is_visible()

    page.get_by_label("Text in the error").fill("nothing")
    page.get_by_role("button", name="Apply filter").click()
    expect(page.get_by_text("No dead letter matches the filter.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page.locator(".letters > li")).to_have_count(3)


def test_details_are_loaded_when_they_are_opened(own_api: Api, open_at: OpenWindow) -> None:
    fail_three(own_api)
    page = open_at(own_api.url).open("/ops")
    letter = page.locator(".letters > li").nth(1)

    letter.get_by_text("Details").click()

    expect(letter.locator("pre").last).to_contain_text("ValueError: broken <b>")
    expect(letter.locator("dl")).to_contain_text(
        "upload_sha256" if letter.get_by_text("captioned").count() else "sha256"
    )
    assert letter.locator("b").count() == 0
    assert not find_accessibility_problems(page)


def test_one_dead_letter_is_retried(own_api: Api, open_at: OpenWindow) -> None:
    fail_three(own_api)
    page = open_at(own_api.url).open("/ops")

    page.locator(".letters > li").filter(has_text="no scan").get_by_role("button", name="Retry").click()

    expect(page.get_by_text("1 returned to its queue.")).to_be_focused()
    expect(page.locator(".letters > li")).to_have_count(2)
    assert own_api.broker.monitor.stats(UPLOADS).depth == 1


def test_one_dead_letter_is_dropped_after_confirmation(own_api: Api, open_at: OpenWindow) -> None:
    fail_three(own_api)
    page = open_at(own_api.url).open("/ops")
    delete = page.locator(".letters > li").filter(has_text="no scan").get_by_role("button", name="Delete")
    dialog = page.get_by_role("dialog", name="Delete dead letters?")

    delete.click()
    expect(dialog).to_contain_text("1 dead letter is selected.")
    assert not find_accessibility_problems(page)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(delete).to_be_focused()
    assert count(own_api) == 3

    delete.click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("1 deleted.")).to_be_focused()
    expect(page.locator(".letters > li")).to_have_count(2)
    assert count(own_api) == 2


def test_selected_dead_letters_are_retried_together(own_api: Api, open_at: OpenWindow) -> None:
    fail_three(own_api)
    page = open_at(own_api.url).open("/ops")
    page.get_by_role("button", name="Retry selected").click()
    expect(page.get_by_text("Select dead letters first.")).to_be_focused()

    page.get_by_role("checkbox", name="Select this page").check()
    page.locator(".letters input").first.uncheck()
    page.get_by_role("button", name="Retry selected").click()

    expect(page.get_by_text("2 returned to their queues.")).to_be_focused()
    expect(page.locator(".letters > li")).to_have_count(1)
    assert [own_api.broker.monitor.stats(queue).depth for queue in QUEUES] == [2, 0]


def test_all_matching_dead_letters_are_dropped(own_api: Api, open_at: OpenWindow) -> None:
    fail_three(own_api)
    page = open_at(own_api.url).open("/ops?reason=e")
    page.goto(page.url.replace("reason=e", "reason=Error"))
    page.get_by_role("button", name="Delete all matching").click()
    dialog = page.get_by_role("dialog", name="Delete dead letters?")
    expect(dialog).to_contain_text("All dead letters with “Error” in their error are selected.")

    dialog.get_by_role("button", name="Delete").click()

    expect(page.get_by_text("2 deleted.")).to_be_focused()
    assert count(own_api) == 1


def test_dead_letters_are_used_by_keyboard(own_api: Api, open_at: OpenWindow) -> None:
    fail_three(own_api)
    page = open_at(own_api.url).open("/ops")
    page.get_by_role("checkbox", name="Select this page").focus()
    for _ in range(5):
        page.keyboard.press("Tab")
    expect(page.locator(".letters input").first).to_be_focused()
    page.keyboard.press("Space")
    for _ in range(4):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Delete selected")).to_be_focused()

    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Delete dead letters?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Delete selected")).to_be_focused()
    assert count(own_api) == 3
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(dialog.get_by_role("button", name="Delete")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_text("1 deleted.")).to_be_focused()
    assert count(own_api) == 2


def test_dead_letters_that_another_operator_has_retried_are_counted(own_api: Api, open_at: OpenWindow) -> None:
    fail_three(own_api)
    page = open_at(own_api.url).open("/ops")
    for letter in own_api.context.operations.dead_letters:
        own_api.context.operations.dead_letters.redrive(letter)

    page.locator(".letters > li").first.get_by_role("button", name="Retry").click()

    expect(page.get_by_text("0 returned to their queues. 1 no longer existed.")).to_be_focused()
    expect(page.get_by_text("No dead letters: no image has failed.")).to_be_visible()


def test_details_of_a_missing_dead_letter_state_it(own_api: Api, open_at: OpenWindow) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))
    window = open_at(own_api.url)
    window.expected_errors.append("404")
    page = window.open("/ops")
    [letter] = own_api.context.operations.dead_letters
    own_api.context.operations.dead_letters.delete(letter)

    page.get_by_text("Details").click()

    expect(page.get_by_text("This dead letter does not exist.")).to_be_visible()


def test_view_of_10000_dead_letters_reads_few_of_them(own_api: Api, valkey: RedisServer) -> None:
    add_many(own_api, valkey, 10_000)
    client = valkey.client()

    for path, limit in (("/ops", LETTERS), ("/ops?reason=no+such+reason", 1000)):
        client.config_resetstat()
        response = own_api.client.get(path)
        assert response.status_code == 200
        assert count_scripts(client.info("commandstats")) <= limit / 10 + 10
        assert len(response.content) < 60_000
        assert "10,000" in response.text
        assert 'rel="next"' in response.text


def test_10000_dead_letters_are_paged_and_dropped_with_progress(
    own_api: Api, valkey: RedisServer, open_at: OpenWindow
) -> None:
    add_many(own_api, valkey, 10_000)
    page = open_at(own_api.url).open("/ops")
    first = page.locator(".letters > li").first.get_attribute("id")
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**before=**")
    assert page.locator(".letters > li").count() == LETTERS
    assert page.locator(".letters > li").first.get_attribute("id") != first
    page.get_by_role("link", name="Newest").click()
    expect(page.locator(".letters > li").first).to_have_attribute("id", first or "")

    page.get_by_role("button", name="Delete all 10,000").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#batch")).to_contain_text(re.compile(r"\d+ deleted\."))
    assert page.get_by_role("progressbar").get_attribute("max") == "10000"
    page.get_by_role("button", name="Stop").click()

    result = page.locator("#result .notice")
    expect(result).to_contain_text("Stopped.", timeout=30_000)
    deleted = int(re.sub(r"\D", "", result.inner_text()))
    assert 0 < deleted < 10_000
    assert count(own_api) == 10_000 - deleted


def test_without_scripts_dead_letters_are_retried_and_dropped(own_api: Api, open_at: OpenWindow) -> None:
    fail_three(own_api)
    page = open_at(own_api.url, scripts=False).open("/ops")
    assert page.get_by_role("button", name="Pause updates").count() == 0
    page.locator(".letters > li").filter(has_text="no scan").get_by_role("button", name="Retry").click()
    page.wait_for_url("**/ops?done=retry**")
    assert page.get_by_text("1 dead letter returned to its queue.").is_visible()

    page.locator(".letters summary").first.click()
    page.get_by_role("link", name="Error, traceback and fields").first.click()
    page.wait_for_url("**/ops/dead-letters/captioned/**")
    assert page.get_by_text("OSError: disk full").first.is_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete dead letters?")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    assert count(own_api) == 2

    page.locator(".letters input").first.check()
    page.get_by_role("button", name="Delete selected").click()
    expect(page.get_by_text("1 dead letter is selected.")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/ops?done=drop**")
    assert page.get_by_text("1 dead letter deleted.").is_visible()
    assert errors(page) == ["ValueError: broken <b>"]


def test_without_scripts_many_are_dropped_in_batches(own_api: Api, valkey: RedisServer, open_at: OpenWindow) -> None:
    add_many(own_api, valkey, 150, "ValueError: <b>")
    page = open_at(own_api.url, scripts=False).open("/ops?queue=uploads&reason=value")
    page.get_by_role("button", name="Delete all matching").click()
    expect(page.get_by_text("All dead letters that match the filter are selected:")).to_be_visible()
    assert count(own_api) == 150

    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/ops?**done=drop**")
    assert page.get_by_text("100 dead letters deleted. 50 dead letters remain in these queues.").is_visible()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**changed=50**")
    assert page.get_by_text("50 dead letters deleted.").is_visible()
    assert page.get_by_role("button", name="Continue").count() == 0
    assert count(own_api) == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_pages_without_scripts_are_accessible(own_api: Api, open_at: OpenWindow, language: str, theme: str) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))
    [letter] = own_api.context.operations.dead_letters
    page = open_at(own_api.url, language=language, theme=theme).open(f"/ops/dead-letters/uploads/{letter.entry}")
    assert not find_accessibility_problems(page)

    page.locator("button.danger").click()
    page.wait_for_url("**/ops/dead-letters")
    assert not find_accessibility_problems(page)
    assert count(own_api) == 1


def test_form_without_a_selection_returns_to_the_view(own_api: Api) -> None:
    response = own_api.client.post("/ops/dead-letters", data={"action": "retry", "queue": "uploads", "reason": ""})

    assert (response.status_code, response.headers["location"]) == (303, "/ops?queue=uploads#dead-letters")


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "action"),
        (b"action=other", "action"),
        (b"drop=uploads", "entry"),
        (b"drop=other/1-1", "queue"),
        (b"action=drop-all&queue=other", "queue"),
        (b"action=drop-all&position=x", "before"),
        (b"\xff", "body"),
        (b"&".join([b"letter=uploads/1-1"] * 200), "body"),
    ],
)
def test_invalid_form_changes_nothing(own_api: Api, content: bytes, field: str) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))

    response = own_api.client.post("/ops/dead-letters", content=content)

    assert response.status_code == 422
    assert field in response.json()["detail"]
    assert count(own_api) == 1


def test_form_of_another_site_is_refused(own_api: Api) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))
    headers = {"Sec-Fetch-Site": "cross-site"}

    response = own_api.client.post(
        "/ops/dead-letters", data={"action": "drop-all", "confirmed": "yes"}, headers=headers
    )

    assert response.status_code == 403
    assert count(own_api) == 1


def test_unknown_parameters_of_the_view_are_an_error_page(own_api: Api) -> None:
    for query in ("queue=other", "before=x", "changed=-1"):
        response = own_api.client.get(f"/ops?{query}", headers={"Accept": "text/html"})
        assert response.status_code == 422
        assert "<h1>422</h1>" in response.text
