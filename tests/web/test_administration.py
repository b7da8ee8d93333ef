"""What administrators do in a browser: hold, delete and export images, and manage keys."""

import io
import json
import zipfile
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from captiond.access import Scope
from captiond.archive import Actor, AuditEntry
from captiond.evidence import SigningKeys, create_signing_key
from captiond.services.api import AuditOptions, Signing
from tests.integration.api.serving import Api, Backends, jpeg, open_api
from tests.servers.queues import RedisServer
from tests.web.archives import fill
from tests.web.browser import DESKTOP, PHONE, find_accessibility_problems
from tests.web.conftest import OpenWindow
from tests.web.sending import await_scripts, expect_state, file, send
from tests.web.test_login import check_layout, open_logged_in

REFUSED = ["409 (Conflict)", "410 (Gone)"]


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app that requires keys, with an audit log and a signing key."""
    folder = tmp_path_factory.mktemp("web")
    create_signing_key(folder / "signing-keys.json")
    signing = Signing(SigningKeys.read(folder / "signing-keys.json"))
    with open_api(Backends(valkey.url, folder, requires_keys=True, audit=AuditOptions(), signing=signing)) as opened:
        yield opened


@pytest.fixture(scope="module")
def token(api: Api) -> str:
    return api.create_key("administrator", *Scope)[1]


def select_images(page: Page, count: int) -> None:
    for number in range(count):
        page.locator(".card-check").nth(number).check()


def test_image_is_held_released_and_deleted_in_dialogs(api: Api, token: str, open_at: OpenWindow) -> None:
    [image] = fill(api, 1, "to be held")
    window = open_at(api.url)
    window.expected_errors += REFUSED
    page = open_logged_in(window, token, f"/images/{image.id}?q=held")

    page.get_by_role("button", name="Hold…").click()
    dialog = page.get_by_role("dialog", name="Put a legal hold on the image?")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    assert not find_accessibility_problems(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Hold…")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("Reason").fill("order 7")
    dialog.get_by_role("button", name="Hold").click()
    expect(page.locator(".badge.held")).to_have_text("Held")
    expect(page.locator(".notice.held")).to_contain_text("by administrator:\norder 7", use_inner_text=True)
    page.wait_for_load_state()  # then the scripts have run

    page.get_by_role("button", name="Release the hold…").click()
    page.get_by_role("dialog").get_by_role("button", name="Release the hold").click()
    expect(page.locator(".badge.held")).to_have_count(0)
    page.wait_for_load_state()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert api.context.archive.find(image.id)
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Deleted image")
    assert not find_accessibility_problems(page)
    page.get_by_role("link", name="Back to the list").click()
    expect(page).to_have_url(f"{api.url}/images?q=held")


def test_selection_is_deleted_except_held_images(api: Api, token: str, open_at: OpenWindow) -> None:
    images = fill(api, 4, "chosen {number}")
    api.context.archive.lifecycle.hold(images[1].id, Actor("Olga"))
    window = open_at(api.url)
    window.expected_errors += REFUSED
    page = open_logged_in(window, token, "/images?q=chosen")

    expect(page.locator(".card-check").first).to_be_visible()  # the scripts run
    page.locator(".card-link").first.focus()
    for key in ("x", "j", "x", "j", "x"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete the images?")
    expect(dialog).to_contain_text("3 images selected")
    assert not find_accessibility_problems(page)
    dialog.get_by_label("Reason").fill("order 8")
    dialog.get_by_role("button", name="Delete").click()

    result = page.locator("#changes")
    expect(result).to_contain_text("2 images are deleted. 1 image was not changed:")
    expect(result.get_by_role("link", name="chosen 1")).to_be_visible()
    expect(result).to_be_focused()
    assert not find_accessibility_problems(page)
    expect(result).to_contain_text("A legal hold prevents the deletion of this image.")
    expect(page.locator(".image-card")).to_have_count(2)
    expect(page.locator("#count")).to_have_text("2 images")
    expect(page.locator("#selection")).to_contain_text("1 image selected")
    assert set(api.context.archive.find_many([image.id for image in images])) == {images[1].id, images[3].id}
    tombstone = api.context.archive.lifecycle.tombstone(images[0].id)
    assert tombstone
    assert (tombstone.deleted_by, tombstone.reason) == ("administrator", "order 8")

    page.get_by_role("button", name="Release the hold…").click()
    page.get_by_role("dialog").get_by_role("button", name="Release the hold").click()
    expect(result).to_contain_text("1 image is released.")
    expect(page.locator(".badge.held")).to_have_count(0)


def test_selection_and_query_are_exported(api: Api, token: str, open_at: OpenWindow) -> None:
    images = fill(api, 3, "exported {number}")
    page = open_logged_in(open_at(api.url), token, "/images?q=exported")

    def names(path: Path) -> set[str]:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as zipped:
            return {Path(name).stem for name in zipped.namelist() if name.endswith(".jpg")}

    select_images(page, 2)
    page.get_by_role("button", name="Export…").click()
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Export").click()
    assert names(download.value.path()) == {str(image.id) for image in images[:2]}

    page.locator("details.export summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export all matching").click()
    assert names(download.value.path()) == {str(image.id) for image in images}


def test_receipts_of_an_upload_and_of_an_image_are_downloaded(api: Api, token: str, open_at: OpenWindow) -> None:
    page = open_logged_in(open_at(api.url), token)
    await_scripts(page)
    send(page, file("a.jpg", jpeg()), description="with a receipt")
    api.caption()
    api.store()
    expect_state(page, "a.jpg", "stored")

    def receive(name: str, role: Literal["button", "link"]) -> dict[str, str]:
        with page.expect_download() as download:
            page.get_by_role(role, name=name).click()
        payload = download.value.path().read_text().split(".")[1]
        receipt: dict[str, str] = json.loads(urlsafe_b64decode(payload + "=="))
        assert receipt["id"] in download.value.suggested_filename
        return receipt

    first = receive("Download the receipt of a.jpg", "button")
    assert not find_accessibility_problems(page)
    page.get_by_role("link", name="a.jpg").first.click()
    second = receive("Download a receipt (JWS)", "link")

    assert (first["basis"], second["basis"]) == ("upload", "archive")
    assert first["id"] == second["id"]


def test_new_key_is_copied_and_the_own_one_ends_the_session(api: Api, open_at: OpenWindow) -> None:
    own, token = api.create_key("leaving", Scope.ADMIN)
    window = open_at(api.url)
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = open_logged_in(window, token)
    page.get_by_role("link", name="API keys").click()
    page.get_by_text("Create a key").click()
    page.get_by_label("Name").fill("north gate")
    page.get_by_role("checkbox", name="send images").check()
    page.get_by_role("button", name="Create", exact=True).click()

    secret = page.locator("#secret").inner_text()
    page.get_by_role("button", name="Copy the key").click()
    expect(page.locator("#copied")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    assert not find_accessibility_problems(page)
    assert api.client.get("/api/images", headers={"X-API-Key": secret}).status_code == 403

    page.get_by_role("button", name="Revoke the key leaving").click()
    expect(page.locator("main")).to_contain_text("You are logged in with this key.")
    page.get_by_role("button", name="Revoke").click()
    expect(page).to_have_url(f"{api.url}/login")
    assert api.keys.find(own.id).revoked_at  # type: ignore[union-attr] # exists


@pytest.mark.parametrize(
    ("language", "theme", "size"), [("en", "light", DESKTOP), ("ru", "dark", PHONE)], ids=["desktop", "phone"]
)
def test_views_of_administrators_are_accessible(  # noqa: PLR0913 - three parameters
    api: Api, token: str, open_at: OpenWindow, language: str, theme: str, size: dict[str, int]
) -> None:
    [image] = fill(api, 1)
    api.context.archive.lifecycle.hold(image.id, Actor("Olga", "order 7"))
    api.context.archive.seals.seal(None)
    assert api.context.audit
    api.context.audit.log.store.add([AuditEntry("images.hold", "204", "Olga", image_id=image.id)])
    key, _ = api.create_key(f"{language} key", Scope.READ)
    window = open_at(api.url, language=language, theme=theme, size=size)
    page = window.open("/login?next=/ops/audit")
    page.locator("#key").fill(token)
    page.keyboard.press("Enter")
    expect(page.locator(".audit > li").first).to_be_visible()
    check_layout(page)

    for path, shown in (
        ("/ops/keys?all=yes", f"#key-{key.id}"),
        ("/seals", ".rows"),
        (f"/images/{image.id}", "#change"),
    ):
        page.goto(api.url + path)
        expect(page.locator(shown)).to_be_visible()
        if path.startswith("/ops/keys"):
            page.locator(".new-entry summary").click()
        check_layout(page)
    page.goto(f"{api.url}/images")
    page.locator(".card-check").first.check()
    page.locator("details.export summary").click()
    check_layout(page)
