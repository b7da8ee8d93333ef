"""Shared fixtures and the rules for skipped tests.

A test that lacks a server, a program or a font skips with the reason. In CI it fails instead, because `.ci/run`
installs everything that the tests need. Only reasons that start with `IMPOSSIBLE` are accepted there.
"""

import os
from collections import Counter
from collections.abc import Generator

import pytest
from hypothesis import settings

IMPOSSIBLE = "not possible here: "
# Folders whose files take long. They start first, so that no worker runs the last of them alone.
SLOW = {"e2e", "web", "docs", "integration"}
pytest_plugins = ["tests.servers.databases", "tests.servers.queues"]
# In CI, the same examples in every run: a failure can be repeated, and coverage does not vary. `make fuzz` explores.
settings.register_profile("ci", derandomize=True)
if "CI" in os.environ:
    settings.load_profile("ci")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, turn a skip into a failure."""
    report = yield
    if "CI" in os.environ and report.skipped and not hasattr(report, "wasxfail"):
        reason = _reason(report)
        if not reason.startswith(IMPOSSIBLE):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI: {reason}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Move the tests of slow folders to the front."""
    root = config.rootpath / "tests"
    items.sort(
        key=lambda item: item.path.relative_to(root).parts[0] not in SLOW if root in item.path.parents else False
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each reason for skipping once, with the number of tests."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section("skipped tests by reason")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:5} {reason}")


def _reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    _, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
    return str(reason).removeprefix("Skipped: ").partition("\n")[0]
