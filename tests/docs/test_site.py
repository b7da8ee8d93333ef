"""The static site that `make docs` builds."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import REPOSITORY

CONFIGURATIONS = ("zensical.toml", "zensical.ru.toml")
LOADED = re.compile(r"<(?:script|link|img|iframe|source|video)\b[^>]*?\b(?:src|href)=\"?(https?:)?//", re.IGNORECASE)
LOADED_BY_CSS = re.compile(r"url\([\"']?(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(REPOSITORY / "docs", folder / "docs")
    for configuration in CONFIGURATIONS:
        shutil.copy(REPOSITORY / configuration, folder)
        command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", configuration]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def test_both_languages_are_built(site: Path) -> None:
    assert "Run with Docker" in (site / "how-to/docker.html").read_text("utf-8")
    assert "От первого изображения до архива" in (site / "ru/first-image.html").read_text("utf-8")


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    pages, styles = sorted(site.rglob("*.html")), sorted(site.rglob("*.css"))

    assert len(pages) > 50
    assert [page.name for page in pages if LOADED.search(page.read_text("utf-8"))] == []
    assert [style.name for style in styles if LOADED_BY_CSS.search(style.read_text("utf-8"))] == []
