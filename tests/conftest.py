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
