"""The view that sends images: choosing, describing, checking, preview."""

import io
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from captiond.operations.request_rates import RequestRate
from captiond.services.api import PageOptions
from tests.e2e.product import photo
from tests.integration.api.serving import MAX_UPLOAD_BYTES, Api, Backends, jpeg, open_api
from tests.servers.queues import RedisServer
from tests.web.browser import PHONE, find_accessibility_problems
from tests.web.conftest import OpenWindow
from tests.web.sending import (
    choose,
    describe,
    drop_paths,
    expect_state,
    expect_summary,
    file,
    item,
    items,
    open_send,
    read_picture,
    send,
    submit,
    transfer,
)

MAX_WEIGHT_BYTES = 100_000


@pytest.fixture
def page(api: Api, open_at: OpenWindow) -> Page:
    return open_send(open_at(api.url))


def own_description(page: Page, name: str) -> str:
    return item(page, name).locator("textarea").input_value()


def test_chosen_files_are_listed(page: Page) -> None:
    choose(page, file("one.jpg"), file("two.jpg"))

    expect(items(page)).to_have_count(2)
    expect_summary(page, "2 not sent")
    expect(page.get_by_role("button", name="Send 2 images")).to_be_visible()


def test_dropped_files_are_listed(page: Page) -> None:
    transfer(page, "dragover", [file("one.jpg")])
    expect(page.locator("#drop-zone")).to_have_class(re.compile("over"))
    transfer(page, "drop", [file("one.jpg"), file("two.jpg")])

    expect(items(page)).to_have_count(2)
    expect(page.locator("#drop-zone")).not_to_have_class(re.compile("over"))


def test_pasted_files_are_listed(page: Page) -> None:
    transfer(page, "paste", [file("copied.jpg")])

    expect(item(page, "copied.jpg")).to_be_visible()


def test_files_of_a_dropped_folder_are_listed(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "photos" / "day 1"
    folder.mkdir(parents=True)
    for number in range(120):  # browsers return the entries of a folder in portions of 100
        (folder / f"{number:03}.JPG").write_bytes(jpeg())
    (folder / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "photos" / "texts.csv").write_text("file,description\n007.jpg,Seven\n")

    drop_paths(page, tmp_path / "photos")

    expect(items(page)).to_have_count(120)
    expect(page.locator("#notices")).to_contain_text("1 other file was skipped.")
    expect(item(page, "007.JPG").locator("textarea")).to_have_value("Seven")


def test_files_of_a_chosen_folder_are_listed(page: Page, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "notes.txt").write_bytes(b"x")

    page.locator("#folder").set_input_files(tmp_path)

    expect(items(page)).to_have_count(1)
    expect(page.locator("#notices")).to_contain_text("1 other file was skipped.")


def test_files_over_the_limits_are_not_added(page: Page) -> None:
    large = jpeg() + bytes(MAX_UPLOAD_BYTES)
    choose(
        page,
        file("good.jpg"),
        file("picture.png", b"\x89PNG\r\n", "image/png"),
        file("empty.jpg", b""),
        file("large.jpg", large),
    )

    expect(items(page)).to_have_count(1)
    notices = page.locator("#notices")
    expect(notices).to_contain_text("3 files were not added:")
    expect(notices).to_contain_text("picture.png: The file is not a JPEG: it starts with 89 50 4e.")
    expect(notices).to_contain_text("empty.jpg: The file is empty.")
    expect(notices).to_contain_text(f"large.jpg: The file has {len(large)} bytes; the limit is {MAX_UPLOAD_BYTES}.")


def test_sending_without_a_file_asks_for_one(page: Page) -> None:
    submit(page)

    expect(page.locator("#notices")).to_contain_text("Choose at least one JPEG.")


def test_missing_description_is_an_error_beside_its_field(page: Page) -> None:
    choose(page, file("a.jpg"))
    expect(items(page)).to_have_count(1)
    submit(page)

    expect(page.locator("#description-fault")).to_have_text("Enter a description.")
    expect(page.locator("#description")).to_be_focused()
    expect_summary(page, "1 not sent")

    describe(page, "x")
    expect(page.locator("#description-fault")).to_be_hidden()


def test_description_counts_in_code_points(page: Page) -> None:
    choose(page, file("a.jpg"))
    describe(page, "🚨" * 201)
    expect(page.locator("#description-count")).to_have_text("201 / 200")
    submit(page)

    expect(page.locator("#description-fault")).to_have_text("The description has 201 characters; the limit is 200.")


def test_invalid_description_of_one_image_is_an_error_beside_it(page: Page) -> None:
    choose(page, file("a.jpg"), file("b.jpg"))
    describe(page, "x")
    item(page, "b.jpg").locator("textarea").fill("y" * 201)
    submit(page)

    expect(item(page, "b.jpg").locator(".fault")).to_have_text("The description has 201 characters; the limit is 200.")
    expect(item(page, "b.jpg").locator("textarea")).to_be_focused()
    expect_summary(page, "2 not sent")


def test_invalid_camera_and_labels_open_the_folded_fields(page: Page) -> None:
    choose(page, file("a.jpg"))
    describe(page, "x")
    details = page.locator("details")
    page.get_by_text("Camera, time and labels").click()
    page.get_by_label("Camera", exact=True).fill("c" * 65)
    page.get_by_text("Camera, time and labels").click()
    submit(page)

    expect(details).to_have_attribute("open", "")
    expect(page.locator("#camera-fault")).to_have_text("The camera name has 65 characters; the limit is 64.")
    page.get_by_label("Camera", exact=True).fill("Gate")

    page.get_by_role("button", name="Add a label").click()
    page.get_by_label("Name of the label").fill("Speed")
    submit(page)
    expect(page.locator("#labels-fault")).to_contain_text("“Speed” is not a label name")
    page.get_by_role("button", name="Remove the label").click()
    expect(page.get_by_label("Name of the label")).to_have_count(0)
    expect(page.get_by_role("button", name="Add a label")).to_be_focused()


def test_all_fields_reach_the_archive(valkey: RedisServer, open_at: OpenWindow, tmp_path: Path) -> None:
    backends = Backends(valkey.url, tmp_path, page=PageOptions(ZoneInfo("Europe/Moscow")))
    with open_api(backends) as api:
        page = open_send(open_at(api.url))
        page.get_by_text("Camera, time and labels").click()
        expect(page.locator("#zone")).to_have_text("Europe/Moscow")
        page.get_by_label("Camera", exact=True).fill("Ленина, 12")
        page.get_by_label("Time of capture").fill("2026-11-26T10:45:01")
        page.get_by_role("button", name="Add a label").click()
        page.get_by_label("Name of the label").fill("speed")
        page.get_by_label("Value of the label").fill("83")
        send(page, file("a.jpg"), description="Первая\nстрока")
        expect_summary(page, "1 in progress")
        api.caption()
        api.store()
        expect_summary(page, "1 stored")

        [image] = api.client.get("/api/images").json()
        assert image["description"] == "Первая\nстрока"
        assert image["camera"] == "Ленина, 12"
        assert image["captured_at"] == "2026-11-26T07:45:01.000000Z"
        assert image["labels"] == {"speed": "83"}
        page.close()


def test_each_image_can_have_its_own_description(page: Page, api: Api) -> None:
    with page.expect_request(lambda request: "своё".encode() in (request.post_data_buffer or b"")):
        choose(page, file("a.jpg"), file("b.jpg"))
        item(page, "b.jpg").locator("textarea").fill("своё")
        describe(page, "общее")
        submit(page)

    expect(item(page, "a.jpg").locator(".text")).to_have_text("общее")
    expect(item(page, "b.jpg").locator(".text")).to_have_text("своё")
    expect_summary(page, "2 in progress")
    api.caption()
    api.store()
    expect_summary(page, "2 stored")


def test_descriptions_are_read_from_csv(page: Page) -> None:
    choose(page, file("IMG 1.JPG"), file("2.jpg"), file("3.jpg"))
    text = '\ufefffile;description\r\nphotos/img 1.jpg;"a; ""b"""\r\n2.jpg;второе\r\n9.jpg;x\r\n'
    page.locator("#csv").set_input_files(file("texts.csv", text.encode(), "text/csv"))

    notices = page.locator("#notices")
    expect(notices).to_contain_text("2 descriptions were read.")
    assert [own_description(page, name) for name in ("IMG 1.JPG", "2.jpg", "3.jpg")] == ['a; "b"', "второе", ""]
    expect(notices.locator(".notice", has_text="No image in the list for:")).to_contain_text("9.jpg")
    expect(notices.locator(".notice", has_text="No description for:")).to_contain_text("3.jpg")


def test_images_added_after_the_csv_get_its_descriptions(page: Page) -> None:
    page.locator("#csv").set_input_files(file("texts.csv", b"file,description\na.jpg,A\n", "text/csv"))
    expect(page.locator("#notices")).to_contain_text("0 descriptions were read.")

    choose(page, file("A.jpg"))

    expect(item(page, "A.jpg").locator("textarea")).to_have_value("A")


def test_error_in_csv_names_its_line(page: Page) -> None:
    choose(page, file("a.jpg"))
    transfer(page, "drop", [file("texts.csv", b'file,description\na.jpg,"x\n', "text/csv")])

    expect(page.locator("#notices")).to_contain_text("texts.csv: Line 2: a quote is not closed")
    assert not own_description(page, "a.jpg")


def test_preview_shows_the_strip_that_the_server_draws(page: Page, api: Api) -> None:
    choose(page, file("a.jpg", jpeg(640, 400)))
    describe(page, "С начала фазы прошло: 7 секунд")
    strip = page.locator("#preview .strip")
    expect(strip).to_be_visible()

    body = {"description": "С начала фазы прошло: 7 секунд", "width": 640}
    expected = Image.open(io.BytesIO(api.client.post("/api/preview", json=body).content)).convert("RGB")
    shown = read_picture(strip)
    assert shown.size == expected.size
    assert shown.tobytes() == expected.tobytes()
    above, below = page.locator("#preview .photo").bounding_box(), strip.bounding_box()
    assert above
    assert below
    assert abs(above["y"] + above["height"] - below["y"]) < 1
    assert abs(above["width"] - below["width"]) < 1


def test_preview_of_a_turned_photo_has_the_viewed_width(page: Page) -> None:
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48), "teal").save(turned, "JPEG", exif=exif)
    describe(page, "x")
    choose(page, file("a.jpg", turned.getvalue()))

    expect(page.locator("#preview .strip")).to_be_visible()
    assert read_picture(page.locator("#preview .strip")).width == 48


def test_preview_follows_the_focused_image(page: Page) -> None:
    choose(page, file("a.jpg"), file("b.jpg"))
    item(page, "a.jpg").locator("textarea").fill("first")
    expect(page.locator("#preview .strip")).to_have_attribute("alt", "Caption: first")
    item(page, "b.jpg").get_by_role("button", name="Preview b.jpg").click()
    expect(page.locator("#preview figcaption")).to_have_text("The caption appears here when there is a description.")
    item(page, "b.jpg").locator("textarea").fill("second")

    expect(page.locator("#preview .strip")).to_have_attribute("alt", "Caption: second")
    expect(page.locator("#preview figcaption")).to_have_text("b.jpg")


def test_preview_of_a_broken_photo_is_refused(page: Page) -> None:
    choose(page, file("a.jpg", b"\xff\xd8\xff"))

    expect(page.locator("#preview figcaption")).to_have_text("The browser cannot show this photo.")


def test_preview_waits_at_its_rate_limit(valkey: RedisServer, open_at: OpenWindow, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, preview_rate=RequestRate("1/second", "previews"))) as api:
        window = open_at(api.url)
        window.expected_errors.append("429")
        page = open_send(window)
        choose(page, file("a.jpg"))
        for text in ("first", "second"):
            with page.expect_response("**/api/preview"):
                describe(page, text)

        expect(page.locator("#preview .strip")).to_have_attribute("alt", "Caption: second")
        page.close()


def test_strip_above_the_photo_is_previewed_above(valkey: RedisServer, open_at: OpenWindow, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, page=PageOptions(caption_position="above"))) as api:
        page = open_send(open_at(api.url))
        choose(page, file("a.jpg"))
        describe(page, "x")
        expect(page.locator("#preview .strip")).to_be_visible()
        strip, shown = page.locator("#preview .strip").bounding_box(), page.locator("#preview .photo").bounding_box()
        assert strip
        assert shown
        assert strip["y"] < shown["y"]
        page.close()


def test_states_are_polled_without_events(valkey: RedisServer, open_at: OpenWindow, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, event_streams=0)) as api:
        window = open_at(api.url)
        window.expected_errors += ["503", "EventSource"]
        page = open_send(window)
        send(page, file("a.jpg"), description="x")
        expect_state(page, "a.jpg", "queued")
        api.caption()
        expect_state(page, "a.jpg", "captioned")
        api.store()
        expect_state(page, "a.jpg", "stored")
        page.close()


def test_list_is_removed_in_parts(page: Page) -> None:
    choose(page, file("a.jpg"), file("b.jpg"))
    page.get_by_role("button", name="Remove a.jpg").click()
    expect(items(page)).to_have_count(1)
    page.get_by_role("button", name="Remove unsent").click()

    expect(items(page)).to_have_count(0)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-ready", "send")
    expect(items(page)).to_have_count(0)


def test_images_are_sent_by_keyboard_alone(page: Page) -> None:
    keyboard = page.keyboard
    with page.expect_file_chooser() as chooser:  # around all steps, because Playwright does not wait until it is ready
        page.locator("#choose-folder").focus()
        keyboard.press("Shift+Tab")
        expect(page.locator("#files")).to_be_focused()
        keyboard.press("Space")
    chooser.value.set_files([file("a.jpg", photo())])
    expect(items(page)).to_have_count(1)
    for _ in range(2):  # folder, description
        keyboard.press("Tab")
    keyboard.type("By keyboard")
    for _ in range(3):  # CSV, folded fields, send
        keyboard.press("Tab")
    expect(page.locator("#send")).to_be_focused()
    keyboard.press("Enter")

    expect_summary(page, "1 in progress")


@pytest.mark.parametrize("path", ["/", "/?language=ru"])
def test_form_works_without_scripts(api: Api, open_at: OpenWindow, path: str) -> None:
    window = open_at(api.url, scripts=False)
    window.expected_errors.append("404")
    page = window.open(path)
    expect(page.locator("#choose-folder")).to_be_hidden()
    page.locator("#files").set_input_files([file("a.jpg")])
    page.locator("#description").fill("Без скриптов")
    page.locator("#send").click()
    page.wait_for_url(re.compile(r"/images/[0-9a-f-]{36}$"))

    image_id = page.url.rpartition("/")[2]
    assert api.client.get(f"/api/images/{image_id}/status").json()["status"] == "queued"
    api.caption()
    api.store()
    assert api.client.get(f"/api/images/{image_id}/metadata").json()["description"] == "Без скриптов"


def test_form_without_scripts_shows_what_is_invalid(api: Api) -> None:
    response = api.client.post(
        "/", files={"image": ("a.jpg", b"GIF89a")}, data={"description": "x"}, headers={"Accept": "text/html"}
    )
    assert response.status_code == 415
    assert "The file is not a JPEG." in response.text

    response = api.client.post(
        "/", files={"image": ("a.jpg", jpeg())}, data={"description": " "}, headers={"Accept": "text/html"}
    )
    assert response.status_code == 422
    assert "description: must not be blank" in response.text


def test_form_redirects_below_the_prefix_of_a_proxy(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, root_path="/captions")) as api:
        response = api.client.post("/", files={"image": ("a.jpg", jpeg())}, data={"description": "x"})

    assert response.status_code == 303
    assert response.headers["location"].startswith("/captions/images/")


def test_page_stays_small(api: Api, open_at: OpenWindow) -> None:
    window = open_at(api.url, language="ru-RU")
    sizes: list[int] = []
    window.context.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page = open_send(window)
    page.wait_for_load_state("networkidle")

    assert sum(sizes) < MAX_WEIGHT_BYTES


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_view_is_accessible_and_fits_a_phone(api: Api, open_at: OpenWindow, language: str, theme: str) -> None:
    window = open_at(api.url, language=language, theme=theme, size=PHONE)
    page = open_send(window)
    assert not find_accessibility_problems(page)

    choose(page, file("a-name-without-a-place-to-break-it-" * 4 + ".jpg"), file("notes.txt", b"x", "text/plain"))
    page.locator("summary").click()
    page.locator("#add-label").click()
    expect(page.locator("#notices")).to_contain_text("notes.txt")
    assert bool(re.search("[А-Яа-я]", page.locator("#notices").inner_text())) is (language == "ru")
    assert not find_accessibility_problems(page)
    submit(page)
    expect(page.locator("#description-fault")).to_be_visible()
    assert not find_accessibility_problems(page)
    describe(page, "Текст")
    expect(page.locator("#preview .strip")).to_be_visible()

    assert not find_accessibility_problems(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
