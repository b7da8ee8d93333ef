"""The view of webhooks: forms over HTTP without scripts, and in a browser."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import expect

from captiond.access import Scope
from captiond.archive.webhooks import MAX_WEBHOOKS, Attempts
from captiond.operations.webhooks import Webhooks, summarise
from captiond.services.api import AuditOptions
from captiond.webhooks import EventType, Webhook
from tests.integration.api.serving import Api, Backends, open_api, problem
from tests.integration.api.visitors import Visitor, visit
from tests.servers.queues import RedisServer
from tests.web.browser import DESKTOP, PHONE
from tests.web.conftest import OpenWindow
from tests.web.test_administration_forms import ENGLISH, entries, post
from tests.web.test_login import check_layout, open_logged_in

URL = "https://hooks.example.com/token?a=1&b=2"
FIELDS: dict[str, str | list[str]] = {"name": "new", "url": URL, "event": ["image.failed"]}


@dataclass(frozen=True)
class Site:
    """An app that requires keys, and an administrator who has logged in."""

    api: Api
    admin: Visitor

    @property
    def webhooks(self) -> Webhooks:
        assert self.api.context.webhooks
        return self.api.context.webhooks

    def create(self, name: str = "alarms") -> Webhook:
        return self.webhooks.create(name, URL, [EventType.FAILED])

    def load(self) -> list[Webhook]:
        return self.webhooks.store.load_all()

    def post(self, path: str, **fields: str | list[str]) -> httpx.Response:
        return post(self.admin, f"/ops/webhooks{path}", **fields)


@pytest.fixture
def site(valkey: RedisServer, tmp_path: Path) -> Iterator[Site]:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True, audit=AuditOptions())) as opened:
        yield Site(opened, visit(opened, *Scope))


def find_secret(page: httpx.Response) -> str:
    """The secret of a page, which no browser stores, and whose size does not depend on the secret."""
    assert page.headers["cache-control"] == "no-store"
    assert "content-encoding" not in page.headers
    [secret] = re.findall(r'id="secret">(whsec_[^<]+)<', page.text)
    return str(secret)


def find_confirmation(page: httpx.Response) -> str:
    [value] = re.findall(r'name="confirmed" value="([^"]+)"', page.text)
    return str(value)


def test_created_webhook_shows_its_secret_once(site: Site) -> None:
    created = site.post("", **{**FIELDS, "name": " north <gate> "})

    assert created.status_code == 201
    [webhook] = site.load()
    assert (webhook.name, webhook.url, sorted(webhook.events)) == ("north <gate>", URL, [EventType.FAILED])
    assert webhook.secrets == (find_secret(created),)
    assert site.api.broker.subscribers.read() == {str(webhook.id): {"failed"}}
    listed = site.admin.get("/ops/webhooks", **ENGLISH)
    for page in (created, listed):
        assert "north &lt;gate&gt;" in page.text
        assert "<gate>" not in page.text
        assert "https://hooks.example.com/token?a=1&amp;b=2" in page.text
    assert listed.headers["cache-control"] == "no-store"
    assert webhook.secrets[0] not in listed.text
    entry = entries(site.api, "webhooks.create")[0]
    assert (entry.detail, entry.result, entry.actor) == (summarise(webhook), "201", site.admin.key.principal.name)


def test_every_event_can_be_chosen_and_is_the_default(site: Site) -> None:
    page = site.admin.get("/ops/webhooks")

    assert set(re.findall(r'name="event" value="([^"]+)" checked', page.text)) == set(EventType)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": ""}, "Enter a name of 1 to 40 printable characters."),
        ({"name": "x" * 41}, "Enter a name of 1 to 40 printable characters."),
        ({"name": "a\x07b"}, "Enter a name of 1 to 40 printable characters."),
        ({"name": "taken"}, "Another webhook has this name."),
        ({"url": ""}, "Enter a URL such as"),
        ({"url": "https://user:password@example.com/"}, "Enter a URL such as"),
        ({"url": "file:///etc/passwd"}, "Enter a URL such as"),
        ({"event": []}, "Choose at least one event."),
        ({"event": ["image.unknown"]}, "Choose at least one event."),
    ],
)
def test_faults_are_shown_beside_their_fields_with_what_was_entered(
    site: Site, fields: dict[str, str | list[str]], error: str
) -> None:
    taken = site.create("taken")
    entered = {**FIELDS, **fields}

    page = site.post("", **entered)

    assert page.status_code == 422
    [fault] = re.findall(r'class="fault" id="new-[a-z]+-fault">([^<]+)<', page.text)
    assert error in fault
    values = dict(re.findall(r'id="new-(\w+)" name="\w+" type="\w+" value="([^"]*)"', page.text))
    assert values == {name: str(entered[name]).replace("&", "&amp;") for name in ("name", "url")}
    checked = re.findall(r'name="event" value="([^"]+)" checked', page.text)
    assert checked == [event for event in entered["event"] if event in set(EventType)]
    assert site.load() == [taken]


def test_all_faults_of_a_form_are_shown(site: Site) -> None:
    page = site.post("")

    assert set(re.findall(r'id="new-([a-z]+)-fault"', page.text)) == {"name", "url", "event"}


def test_one_webhook_too_many_is_refused(site: Site) -> None:
    for number in range(MAX_WEBHOOKS):
        site.create(f"number {number}")

    page = site.post("", **FIELDS)

    assert page.status_code == 422
    assert "There are too many webhooks. Delete some first." in page.text
    assert entries(site.api, "webhooks.create")[0].result == "422"


def test_secret_is_replaced_once_per_confirmation(site: Site) -> None:
    webhook = site.create()
    rotate = f"/{webhook.id}/rotate"

    asked = site.post(rotate)
    assert "Replace the secret of the webhook alarms?" in asked.text
    assert "was replaced already" not in asked.text
    assert "Сменить секрет вебхука «alarms»?" in site.admin.get(f"/ops/webhooks{rotate}?language=ru").text
    assert site.load() == [webhook]
    confirmation = find_confirmation(asked)
    replaced = site.post(rotate, confirmed=confirmation)
    secret = find_secret(replaced)
    repeated = site.post(rotate, confirmed=confirmation)

    assert replaced.status_code == 200
    assert site.load()[0].secrets == (secret, webhook.secrets[0])
    assert "Its secret was replaced already, and nothing has changed now." in repeated.text
    assert secret not in repeated.text
    [entry] = entries(site.api, "webhooks.rotate")
    assert (entry.detail, entry.result) == (summarise(webhook), "200")
    again = site.post(rotate, confirmed=find_confirmation(repeated))
    assert site.load()[0].secrets == (find_secret(again), secret)


def test_lost_secret_is_replaced_and_that_of_the_receiver_remains(site: Site) -> None:
    webhook = site.create()
    rotate = f"/{webhook.id}/rotate"
    asked = site.post(rotate)
    assert "Replace only the newest secret" not in asked.text
    confirmation = find_confirmation(asked)
    site.post(rotate, confirmed=confirmation)

    repeated = site.post(rotate, confirmed=confirmation)
    replaced = site.post(rotate, confirmed=find_confirmation(repeated), only="newest")

    assert '<button name="only" value="newest">Replace only the newest secret</button>' in repeated.text
    assert site.load()[0].secrets == (find_secret(replaced), webhook.secrets[0])
    for language, text in (("en", "Replace only the newest secret"), ("ru", "Сменить только последний секрет")):
        assert text in site.admin.get(f"/ops/webhooks{rotate}?language={language}").text


def test_concurrent_confirmations_replace_the_secret_once(site: Site) -> None:
    webhook = site.create()
    rotate = f"/{webhook.id}/rotate"
    confirmation = find_confirmation(site.post(rotate))
    barrier = Barrier(8)

    def confirm(_: int) -> httpx.Response:
        barrier.wait()
        return site.post(rotate, confirmed=confirmation)

    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(confirm, range(8)))

    [replaced] = [page for page in pages if 'id="secret"' in page.text]
    assert site.load()[0].secrets == (find_secret(replaced), webhook.secrets[0])
    assert all("Its secret was replaced already" in page.text for page in pages if page is not replaced)
    assert {page.status_code for page in pages if page is not replaced} <= {200, 409}


def test_disabled_webhook_is_enabled(site: Site) -> None:
    webhook = site.create()
    assert "/enable" not in site.admin.get("/ops/webhooks").text
    site.webhooks.disable(webhook, "the receiver answered 410 Gone")
    assert "the receiver answered 410 Gone" in site.admin.get("/ops/webhooks").text

    enabled = site.post(f"/{webhook.id}/enable")

    assert (enabled.status_code, enabled.headers["location"]) == (303, "/ops/webhooks?done=enabled")
    assert "The webhook is enabled." in site.admin.get(enabled.headers["location"], **ENGLISH).text
    assert site.load()[0].disabled_reason is None
    assert site.api.broker.subscribers.read() == {str(webhook.id): {"failed"}}
    assert entries(site.api, "webhooks.enable")[0].detail == summarise(webhook)


def test_deletion_asks_before(site: Site) -> None:
    webhook, other = site.create(), site.create("other")
    path = f"/{webhook.id}/delete"

    asked = site.post(path)
    assert "Delete the webhook alarms?" in asked.text
    assert "Delete the webhook alarms?" in site.admin.get(f"/ops/webhooks{path}", **ENGLISH).text
    assert site.load() == [webhook, other]
    deleted = site.post(path, confirmed=find_confirmation(asked))

    assert (deleted.status_code, deleted.headers["location"]) == (303, "/ops/webhooks?done=deleted")
    assert "The webhook is deleted." in site.admin.get(deleted.headers["location"], **ENGLISH).text
    assert site.load() == [other]
    assert set(site.api.broker.subscribers.read()) == {str(other.id)}
    assert entries(site.api, "webhooks.delete")[0].detail == summarise(webhook)
    missing = site.post(path, confirmed="yes")
    assert missing.status_code == 404
    assert "This webhook does not exist." in missing.text


def test_unknown_webhook_is_not_found(site: Site) -> None:
    site.create(name := str(uuid4()))  # no id

    for path in (f"/{name}/rotate", f"/{name}/delete"):
        assert site.admin.get(f"/ops/webhooks{path}").status_code == 404
        assert site.post(path, confirmed="yes").status_code == 404
    assert site.post(f"/{name}/enable").status_code == 404
    assert len(site.load()) == 1


def test_other_scopes_and_other_sites_change_nothing(site: Site) -> None:
    webhook = site.create()
    others = visit(site.api, Scope.UPLOAD, Scope.READ, Scope.OPERATE)
    foreign = {"Sec-Fetch-Site": "cross-site", "Accept": "application/json"}

    for path, fields in (
        ("", FIELDS),
        (f"/{webhook.id}/rotate", {"confirmed": find_confirmation(site.post(f"/{webhook.id}/rotate"))}),
        (f"/{webhook.id}/enable", {}),
        (f"/{webhook.id}/delete", {"confirmed": "yes"}),
    ):
        assert post(others, f"/ops/webhooks{path}", **fields).status_code == 403
        refused = site.admin.request("POST", f"/ops/webhooks{path}", foreign, data=fields)
        assert problem(refused) == (403, "cross-site-request")
    assert site.load() == [webhook]


def test_operator_sees_the_summary_without_link_and_url(site: Site) -> None:
    webhook = site.create()
    site.webhooks.disable(webhook, "the receiver answered 410 Gone")

    page = visit(site.api, Scope.OPERATE).get("/ops", **ENGLISH)

    assert "the receiver answered 410 Gone" in page.text
    assert "/ops/webhooks" not in page.text
    assert "hooks.example.com" not in page.text
    assert 'href="/ops/webhooks"' in site.admin.get("/ops").text
    assert 'href="/ops?queue=webhooks#dead-letters"' in site.admin.get("/ops/webhooks").text
    assert "#dead-letters" not in visit(site.api, Scope.ADMIN).get("/ops/webhooks").text


@pytest.mark.parametrize(("audience", "status"), [("local", 200), ("none", 403)])
def test_view_without_keys_is_for_operators(valkey: RedisServer, tmp_path: Path, audience: str, status: int) -> None:
    with open_api(Backends(valkey.url, tmp_path, audience=audience)) as opened:  # type: ignore[arg-type] # a literal
        assert opened.client.get("/ops/webhooks").status_code == status
        assert opened.client.post("/ops/webhooks").status_code == (422 if status == 200 else status)


@pytest.mark.parametrize("scripts", [True, False])
def test_webhook_is_managed_in_a_browser(
    site: Site,
    open_at: OpenWindow,
    scripts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    window = open_at(site.api.url, scripts=scripts)
    window.expected_errors.append("422")
    page = window.open("/login?next=/ops/webhooks")
    page.locator("#key").fill(site.api.create_key("administrator", *Scope)[1])
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Webhooks", exact=True)).to_have_attribute("aria-current", "page")
    page.get_by_text("New webhook").click()
    page.get_by_label("Name").fill("alarms")
    page.get_by_label("URL of the receiver").fill("https://hooks.example.com/#part")
    page.get_by_role("checkbox", name="image.stored").uncheck()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_label("URL of the receiver")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("alarms")
    expect(page.get_by_role("checkbox", name="image.stored")).not_to_be_checked()

    page.get_by_label("URL of the receiver").fill(URL)
    page.keyboard.press("Enter")
    secret = page.locator("#secret").inner_text()
    assert site.load()[0].secrets == (secret,)
    assert page.get_by_role("button", name="Copy the secret").is_visible() == scripts

    page.get_by_role("button", name="Replace the secret of the webhook alarms").click()
    page.get_by_role("button", name="Replace").click()
    expect(page.locator("#secret")).not_to_have_text(secret)
    assert site.load()[0].secrets == (page.locator("#secret").inner_text(), secret)
    page.reload()
    expect(page.locator("main")).to_contain_text("Its secret was replaced already")
    page.get_by_role("link", name="Cancel").click()

    site.webhooks.disable(site.load()[0], "the receiver answered 410 Gone")
    page.reload()
    page.get_by_role("button", name="Enable the webhook alarms").click()
    expect(page.get_by_role("status").first).to_have_text("The webhook is enabled. It gets new events again.")
    page.get_by_role("button", name="Delete the webhook alarms").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("main")).to_contain_text("There is no webhook.")
    assert site.load() == []


def test_secret_is_copied(site: Site, open_at: OpenWindow) -> None:
    window = open_at(site.api.url)
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = open_logged_in(window, site.api.create_key("administrator", *Scope)[1], "/ops/webhooks")
    page.get_by_text("New webhook").click()
    page.get_by_label("Name").fill("alarms")
    page.get_by_label("URL of the receiver").fill(URL)
    page.get_by_role("button", name="Create", exact=True).click()

    page.get_by_role("button", name="Copy the secret").click()

    expect(page.locator("#copied")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == site.load()[0].secrets[0]


@pytest.mark.parametrize(
    ("language", "theme", "size"), [("en", "light", DESKTOP), ("ru", "dark", PHONE)], ids=["desktop", "phone"]
)
def test_views_are_accessible_and_fit(
    site: Site, open_at: OpenWindow, language: str, theme: str, size: dict[str, int]
) -> None:
    long = site.webhooks.create("x" * 40, f"https://hooks.example.com/{'token' * 100}", list(EventType))
    site.webhooks.store.record_attempts([Attempts(long.id, datetime.now(UTC), "status 503", None, 3)])
    site.webhooks.rotate(long)
    site.webhooks.disable(site.create(), "the receiver answered 410 Gone")
    window = open_at(site.api.url, language=language, theme=theme, size=size)
    window.expected_errors.append("422")
    page = window.open("/login?next=/ops/webhooks")
    page.locator("#key").fill(site.api.create_key("administrator", *Scope)[1])
    page.keyboard.press("Enter")
    expect(page.locator(f"#webhook-{long.id}")).to_be_visible()
    page.locator(".new-entry summary").click()
    check_layout(page)

    for box in page.locator(".new-entry [type=checkbox]").all():
        box.uncheck()
    page.locator("#new-name").fill("x" * 40)
    page.locator("#new-url").fill("https://hooks.example.com/#part")
    page.keyboard.press("Enter")
    expect(page.locator("#new-url-fault")).to_be_visible()
    check_layout(page)
    page.locator(".new-entry [type=checkbox]").first.check()
    page.locator("#new-name").fill("other")
    page.locator("#new-url").fill(URL)
    page.keyboard.press("Enter")
    expect(page.locator("#secret")).to_be_visible()
    check_layout(page)

    for path in (f"/ops/webhooks/{long.id}/rotate", f"/ops/webhooks/{long.id}/delete", "/ops"):
        page.goto(site.api.url + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        check_layout(page)
