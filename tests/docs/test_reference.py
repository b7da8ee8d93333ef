"""The reference pages against the code, and the names that the other pages use against the reference."""

import re
from pathlib import Path

import pytest
from docs.generate import pages

from tests.docs.blocks import REPOSITORY

DOCS = REPOSITORY / "docs"
WRITTEN = sorted({*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md"), REPOSITORY / ".env.example"})
SETTING = re.compile(r"\bCAPTIOND_[A-Z_]*[A-Z]\b")
METRIC = re.compile(r"`?\bcaptiond_[a-z_]+\b")
# `CONFIG` names the YAML file, `NAME` stands for any setting; the others belong to tests.
NOT_SETTINGS = {"CAPTIOND_CONFIG", "CAPTIOND_NAME", "CAPTIOND_NATIVE"}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.name))
def test_reference_page_is_up_to_date(page: Path) -> None:
    assert page.read_text("utf-8") == pages()[page], "run: python docs/generate.py"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_every_named_setting_and_metric_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    settings = (DOCS / "reference/settings.md").read_text("utf-8")
    metrics = (DOCS / "reference/metrics.md").read_text("utf-8")

    named_settings = {name for name in SETTING.findall(text) if not re.match("CAPTIOND_(TEST|E2E|FAULTS|DOCKER)", name)}
    named_metrics = {name.strip("`") for name in METRIC.findall(text)}

    assert named_settings - NOT_SETTINGS <= set(SETTING.findall(settings))
    if page.name != "CHANGELOG.md":  # it also has the former names
        assert named_metrics <= {name.strip("`") for name in METRIC.findall(metrics)}
