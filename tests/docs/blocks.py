"""The code blocks of the documentation: Sybil extracts them, `Terminal` runs them like a reader would."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from unittest import SkipTest

from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.typing import Parser

REPOSITORY = Path(__file__).parents[2]
PAGES = (
    REPOSITORY / "README.md",
    REPOSITORY / "README.ru.md",
    *sorted((REPOSITORY / "docs/tutorial").glob("*.md")),
    *sorted((REPOSITORY / "docs/how-to").glob("*.md")),
    *sorted((REPOSITORY / "docs/ru").glob("*.md")),
)
WRITTEN_URL = "http://127.0.0.1:8000"
COMPOSE = re.compile(r"\bdocker compose\b")


@dataclass(slots=True)
class Terminal:
    """Runs the blocks of one page in order; shell variables last from one block to the next."""

    folder: Path
    url: str
    environment: dict[str, str]
    block_seconds: float = 60.0
    compose: bool = False
    """Whether to run the blocks for Docker Compose, and only those."""
    ran: list[str] = field(default_factory=list)

    def run_page(self, page: Path) -> None:
        """Run every block that no comment skips. Raises SybilFailure for the first that fails."""
        for example in self._document(page).examples():
            try:
                example.evaluate()
            except SkipTest:
                continue

    def _document(self, page: Path) -> Document:
        parsers: list[Parser] = [
            CodeBlockParser("sh", self._run_shell),
            CodeBlockParser("python", self._run_python),
            SkipParser(),
        ]
        document = Sybil(parsers=parsers).parse(page)
        document.namespace["compose"] = self.compose
        return document

    def _run_shell(self, example: Example) -> str | None:
        variables = self.folder / f".{Path(example.path).stem}.variables"
        lines = (
            "set -euao pipefail",
            f"[ ! -e '{variables}' ] || . '{variables}'",
            str(example.parsed),
            f"export -p > '{variables}'",
        )
        return self._run(example, ["bash", "-c", "\n".join(lines)])

    def _run_python(self, example: Example) -> str | None:
        return self._run(example, [sys.executable, "-c", str(example.parsed)])

    def _run(self, example: Example, command: list[str]) -> str | None:
        if self.compose != bool(COMPOSE.search(example.parsed)):
            return None if self.compose else f"line {example.line}: this block needs a skip comment for Docker"
        *program, text = command
        done = subprocess.run(
            [*program, self._at_this_port(text)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=self.block_seconds,
            check=False,
        )
        self.ran.append(done.stdout.decode(errors="replace"))
        return f"line {example.line}: exit status {done.returncode}\n{self.ran[-1]}" if done.returncode else None

    def _at_this_port(self, text: str) -> str:
        """Replace the address; `captiond send` uses it as its default."""
        return text.replace("captiond send ", f"captiond send --url {WRITTEN_URL} ").replace(WRITTEN_URL, self.url)


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of captiond and of Compose."""
    unwanted = ("CAPTIOND_", "COMPOSE_", "PORT", "BIND_ADDRESS")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
