"""The login with a key, what a session shows, and what happens when it ends."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from captiond.access import Scope, make_token
from tests.integration.api.serving import Api, Backends, jpeg, open_api, record
from tests.servers.queues import RedisServer
from tests.web.browser import PHONE, Window, find_accessibility_problems
from tests.web.conftest import OpenWindow
from tests.web.sending import await_scripts, choose, describe, expect_state, expect_summary, file, items, send, submit

# The browser reports the status of each refused request.
REFUSED = ["401 (Unauthorized)", "403 (Forbidden)"]


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app that requires keys, with an image and keys of several scopes."""
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("web"), requires_keys=True)) as opened:
        opened.archive(record(jpeg(), "archived"))
        yield opened


@pytest.fixture(scope="module")
def tokens(api: Api) -> dict[str, str]:
    """The secrets by the name of the key."""
    keys = {"upload": {Scope.UPLOAD}, "read": {Scope.READ}, "operate": {Scope.OPERATE}, "all": set(Scope)}
    return {name: api.create_key(name, *scopes)[1] for name, scopes in keys.items()}


def log_in(page: Page, token: str, button: str = "Log in") -> None:
    page.locator("#key").fill(token)
    page.get_by_role("button", name=button, exact=True).click()


def open_logged_in(window: Window, token: str, path: str = "/") -> Page:
    page = window.open(path)
    log_in(page, token)
    expect(page.locator("#account")).to_be_visible()
    page.wait_for_load_state()  # then the scripts have run
    return page


def end_session(window: Window) -> None:
    window.expected_errors += REFUSED
    window.context.clear_cookies(name="captiond-session")


@pytest.mark.parametrize("scripts", [True, False])
def test_login_opens_the_wanted_view_and_logout_closes_it(
    api: Api,
    tokens: dict[str, str],
    open_at: OpenWindow,
    scripts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    window = open_at(api.url, scripts=scripts)
    window.expected_errors += REFUSED
    page = window.open("/images?q=archived")
    expect(page).to_have_url(f"{api.url}/login?next=%2Fimages%3Fq%3Darchived")
    expect(page.locator("#key")).to_be_focused()

    log_in(page, make_token())
    expect(page.locator("#key-fault")).to_have_text("This key is not valid. It may be mistyped, expired or revoked.")
    page.locator("#key").fill(tokens["all"])
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{api.url}/images?q=archived")
    expect(page.locator("#account")).to_have_text("all")
    picture = page.locator(".card-picture img")
    expect(picture).to_be_visible()
    if scripts:
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{api.url}/login")
    page.goto(f"{api.url}/ops")
    expect(page).to_have_url(f"{api.url}/login?next=%2Fops")


@pytest.mark.parametrize(
    ("name", "heading", "links"),
    [("upload", "Send images", ["Send"]), ("read", "Archive", ["Archive"]), ("operate", "Operations", ["Operations"])],
)
def test_session_shows_the_views_of_its_scopes(  # noqa: PLR0913 - two fixtures more than usual
    api: Api, tokens: dict[str, str], open_at: OpenWindow, name: str, heading: str, links: list[str]
) -> None:
    page = open_logged_in(open_at(api.url), tokens[name])

    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert page.locator("header nav a").all_inner_texts() == links


def test_view_beyond_the_scopes_offers_another_key(api: Api, tokens: dict[str, str], open_at: OpenWindow) -> None:
    window = open_at(api.url)
    window.expected_errors += REFUSED
    page = open_logged_in(window, tokens["read"])
    page.goto(f"{api.url}/ops")

    expect(page.locator("main")).to_contain_text("Your API key does not allow this page.")
    expect(page.locator("main")).to_contain_text("operate")
    page.get_by_role("link", name="Log in with another key").click()
    log_in(page, tokens["operate"])

    expect(page).to_have_url(f"{api.url}/ops")
    expect(page.get_by_role("heading", level=1)).to_have_text("Operations")


def test_upload_and_its_events_work_with_a_session(api: Api, tokens: dict[str, str], open_at: OpenWindow) -> None:
    page = open_logged_in(open_at(api.url), tokens["all"])
    await_scripts(page)

    with page.expect_response("**/api/events") as events:
        send(page, file("a.jpg", jpeg()), description="sent with a session")
    assert events.value.status == 200
    expect_state(page, "a.jpg", "queued")
    api.caption()
    api.store()

    expect_state(page, "a.jpg", "stored")
    expect(items(page).locator("a.open")).to_be_visible()


def test_key_that_may_not_read_sees_which_images_are_accepted(
    api: Api, tokens: dict[str, str], open_at: OpenWindow
) -> None:
    page = open_logged_in(open_at(api.url), tokens["upload"])
    await_scripts(page)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))

    send(page, file("a.jpg", jpeg()), description="accepted")

    expect_state(page, "a.jpg", "accepted")
    expect_summary(page, "1 accepted")
    page.get_by_role("button", name="Clear accepted").click()
    expect(items(page)).to_have_count(0)
    assert not [url for url in requested if "/events" in url or "/status" in url]
    api.caption()
    api.store()


def test_uploads_continue_after_a_login_in_the_open_view(api: Api, tokens: dict[str, str], open_at: OpenWindow) -> None:
    window = open_at(api.url)
    page = open_logged_in(window, tokens["all"])
    await_scripts(page)
    choose(page, file("a.jpg", jpeg()))
    describe(page, "entered before the end")
    end_session(window)

    submit(page)
    form = page.locator("#session-ended")
    expect(form).to_contain_text("The session has ended. Log in to continue.")
    expect(page.locator("#description")).to_have_value("entered before the end")
    assert not find_accessibility_problems(page)
    form.locator("input").fill(make_token())
    form.get_by_role("button").click()
    expect(form).to_contain_text("This key is not valid.")
    expect(form.locator("input")).to_be_focused()
    form.locator("input").fill(tokens["all"])
    page.keyboard.press("Enter")

    expect(form).to_be_hidden()
    expect_state(page, "a.jpg", "queued")
    api.caption()
    api.store()
    expect_state(page, "a.jpg", "stored")


def test_uploads_continue_after_a_login_on_the_login_page(
    api: Api, tokens: dict[str, str], open_at: OpenWindow
) -> None:
    window = open_at(api.url)
    page = open_logged_in(window, tokens["all"])
    await_scripts(page)
    end_session(window)
    send(page, file("a.jpg", jpeg()), description="kept")
    expect(page.locator("#session-ended")).to_be_visible()

    page.reload()
    log_in(page, tokens["all"])

    expect_state(page, "a.jpg", "queued")
    api.caption()
    api.store()
    expect_state(page, "a.jpg", "stored")


@pytest.mark.parametrize("path", ["/ops", "/images"])
def test_open_view_asks_for_a_login_when_the_session_ends(
    api: Api, tokens: dict[str, str], open_at: OpenWindow, path: str
) -> None:
    window = open_at(api.url)
    page = open_logged_in(window, tokens["all"], path)
    heading = page.get_by_role("heading", level=1).inner_text()
    end_session(window)
    if path == "/ops":
        page.get_by_role("link", name="Refresh").click()
    else:  # a stream that ends, as at a restart of the server, cannot be opened again
        page.evaluate(
            "import(document.querySelector('script[src*=page\\\\.js]').src.replace('page.js', 'api.js'))"
            ".then((api) => api.request('/api/images', api.readJson)).catch(() => undefined)"
        )

    expect(page.locator("#session-ended")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def test_link_of_another_site_needs_no_second_login(api: Api, tokens: dict[str, str], open_at: OpenWindow) -> None:
    window = open_at(api.url)
    open_logged_in(window, tokens["read"]).close()
    page = window.context.new_page()
    page.set_content(f'<a href="{api.url}/images?q=archived">link</a>')

    with page.expect_request("**/login?next=*"):  # the browser has omitted the cookie
        page.get_by_role("link").click()

    expect(page).to_have_url(f"{api.url}/images?q=archived")
    expect(page.locator(".image-card")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_login_and_refusal_are_accessible_on_a_phone(
    api: Api, tokens: dict[str, str], open_at: OpenWindow, language: str, theme: str
) -> None:
    window = open_at(api.url, language=language, theme=theme, size=PHONE)
    window.expected_errors += REFUSED
    button = {"en": "Log in", "ru": "Войти"}[language]
    page = window.open("/login?next=/ops")
    log_in(page, make_token(), button)
    expect(page.locator("#key-fault")).to_contain_text({"en": "not valid", "ru": "недействителен"}[language])
    check_layout(page)

    log_in(page, tokens["upload"], button)
    expect(page.locator("main")).to_contain_text({"en": "does not allow", "ru": "не даёт доступа"}[language])
    expect(page.locator("header form button")).to_have_text({"en": "Log out", "ru": "Выйти"}[language])
    check_layout(page)


def check_layout(page: Page) -> None:
    assert not find_accessibility_problems(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
