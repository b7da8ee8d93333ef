"""What reports have in common: the machine they speak of, and the page that keeps them."""

import os
import platform
from pathlib import Path


def describe_machine() -> str:
    """Processor, cores and kernel."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def fill(page: Path, mark: str, text: str) -> None:
    """Put the text between the page's two comments of this mark; raises ValueError unless each is there once."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    before, rest = page.read_text("utf-8").split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
