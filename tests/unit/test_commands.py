"""The commands of the command line, and what their start imports."""

import subprocess
import sys

import pytest

from captiond.cli.commands import COMMANDS, load_command


@pytest.mark.parametrize("name", COMMANDS)
def test_summary_is_the_first_line_of_the_help(name: str) -> None:
    assert (load_command(name).help or "").partition("\n")[0] == COMMANDS[name].summary


def imported_by(code: str) -> set[str]:
    program = f"{code}\nimport sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


LIBRARIES = {"PIL", "alembic", "fastapi", "httpx", "pydantic", "redis", "sqlalchemy", "yaml"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import captiond.cli", set()),
        ("import captiond.cli.captioner", {"PIL", "pydantic", "redis", "yaml"}),
        ("import captiond.cli.send", {"PIL", "httpx", "pydantic", "redis", "yaml"}),
        ("import captiond.cli.export", {"PIL", "httpx", "pydantic", "yaml"}),
        ("import captiond.cli.api", LIBRARIES - {"httpx"}),
    ],
    ids=["command line", "captioner", "send", "export", "api"],
)
def test_start_imports_only_what_the_command_needs(code: str, expected: set[str]) -> None:
    assert imported_by(code) & LIBRARIES == expected
