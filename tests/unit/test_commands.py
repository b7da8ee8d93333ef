"""The commands of the command line, and what their start imports."""

import subprocess
import sys

import pytest
from typer._click import Command
from typer.core import TyperGroup

from captiond.cli.commands import COMMANDS, load_command

# They run until they are stopped, and print log lines.
SERVICES = {"up", "api", "ftp", "captioner", "archiver", "notifier"}


def leaf_commands() -> dict[tuple[str, ...], Command]:
    """The commands without subcommands, by their names."""
    found: dict[tuple[str, ...], Command] = {}
    for name in COMMANDS:
        command = load_command(name)
        if isinstance(command, TyperGroup):
            found |= {(name, inner): subcommand for inner, subcommand in command.commands.items()}
        else:
            found[name,] = command
    return found


@pytest.mark.parametrize("words", leaf_commands(), ids=" ".join)
def test_every_command_except_services_prints_json(words: tuple[str, ...]) -> None:
    options = {option for parameter in leaf_commands()[words].params for option in parameter.opts}

    assert ("--json" in options) != (" ".join(words) in SERVICES)


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
        ("import captiond.cli.send", {"PIL", "httpx", "pydantic", "yaml"}),
        ("import captiond.cli.export", {"PIL", "httpx", "pydantic", "yaml"}),
        ("import captiond.cli.api", LIBRARIES - {"httpx"}),
    ],
    ids=["command line", "captioner", "send", "export", "api"],
)
def test_start_imports_only_what_the_command_needs(code: str, expected: set[str]) -> None:
    assert imported_by(code) & LIBRARIES == expected
