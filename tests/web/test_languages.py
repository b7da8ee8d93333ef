"""Languages, themes and error pages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from captiond.services.api.web.languages import read_catalog
from tests.integration.api.serving import Api, Backends, open_api
from tests.servers.queues import RedisServer
from tests.web.browser import find_accessibility_problems
from tests.web.conftest import OpenWindow

ROOT = Path(__file__).parents[2]
CYRILLIC = re.compile("[А-Яа-яЁё]")


def test_every_text_is_translated(tmp_path: Path) -> None:
    extracted = tmp_path / "messages.pot"
    command = (
        sys.executable,
        "-m",
        "babel.messages.frontend",
        "--quiet",
        "extract",
        "--mapping-file",
        "pyproject.toml",
    )
    subprocess.run([*command, "--output-file", str(extracted), "src"], cwd=ROOT, check=True)
    with extracted.open("rb") as file:
        texts = {message.id for message in read_po(file) if message.id}
    russian = read_catalog("ru")

    assert texts
    assert {message.id for message in russian if message.id} == texts
    incomplete = [
        message.id
        for message in russian
        if message.fuzzy or not all([message.string] if isinstance(message.string, str) else message.string or [""])
    ]
    assert not incomplete[1:] if "" in incomplete else not incomplete


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en-GB,en;q=0.9,ru;q=0.5", "en"),
        ("de, ru;q=0.3", "ru"),
        ("fr", "en"),
        ("ru;q=0, en", "en"),
        ("", "en"),
        (";;q=x, *;q=1, -", "en"),
    ],
)
def test_language_follows_accept_language(api: Api, accepted: str, language: str) -> None:
    response = api.client.get("/", headers={"Accept-Language": accepted})

    assert response.headers["content-language"] == language
    assert f'<html lang="{language}"' in response.text


def test_chosen_language_is_stored(api: Api, open_at: OpenWindow) -> None:
    window = open_at(api.url, language="en-US")
    page = window.open()
    page.get_by_role("link", name="Русский").click()
    page.wait_for_url(api.url + "/")
    assert page.locator("html").get_attribute("lang") == "ru"

    assert window.open("/").locator("html").get_attribute("lang") == "ru"


def test_chosen_theme_is_stored(api: Api, open_at: OpenWindow) -> None:
    window = open_at(api.url)
    page = window.open()
    page.get_by_role("link", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"

    assert window.open("/").locator("html").get_attribute("data-theme") == "dark"


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_unknown_path_shows_an_error_page(api: Api, open_at: OpenWindow, language: str, theme: str) -> None:
    window = open_at(api.url, language=language, theme=theme)
    window.expected_errors.append("404")
    page = window.open("/nowhere")

    assert page.get_by_role("heading", level=1).inner_text() == "404"
    assert bool(CYRILLIC.search(page.locator("main").inner_text())) is (language == "ru")
    assert not find_accessibility_problems(page)


def test_programs_get_problem_documents(api: Api) -> None:
    for accept, path in (("*/*", "/nowhere"), ("text/html", "/api/nowhere"), ("application/json", "/nowhere")):
        response = api.client.get(path, headers={"Accept": accept})
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def test_page_forbids_inline_scripts_and_other_origins(api: Api) -> None:
    response = api.client.get("/")
    policy = response.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"https?:", policy) == []
    assert not re.search(r"<script(?![^>]*(src=|type=\"application/json\"))|<style|style=|\son\w+=", response.text)


def test_assets_are_cached_for_a_year(api: Api) -> None:
    path = re.search(r'href="(/static/[^"]+/css/base\.css)"', api.client.get("/").text)
    assert path

    response = api.client.get(path[1])
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"].startswith("text/css")


def test_app_without_page_redirects_to_the_documentation(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, page=None)) as api:
        response = api.client.get("/")
        assert (response.status_code, response.headers["location"]) == (307, "/docs")
        assert api.client.get("/images").status_code == 404
