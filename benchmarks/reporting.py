"""The documents that hold the results of benchmarks."""

import os
import platform
from pathlib import Path

PERFORMANCE_PAGE = Path("docs/explanation/performance.md")
CHART = Path("docs/images/pipeline.svg")


def describe_machine() -> str:
    """Processor, cores and kernel."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def fill(page: Path, mark: str, text: str) -> None:
    """Replace the text between the comments `<!-- mark: begin -->` and `<!-- mark: end -->`.

    Raises ValueError unless the page has each comment once.
    """
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    content = page.read_text("utf-8")
    if content.count(begin) != 1 or content.count(end) != 1:
        raise ValueError(f"{page} must contain {begin} and {end} once")
    before, rest = content.split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
