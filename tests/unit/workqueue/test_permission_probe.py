"""The permission probe runs every command that the queues use."""

import ast
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from redis.commands.core import CoreCommands

import captiond.workqueue

PROBE = "probe_permissions.lua"
SCRIPTS = {
    Path(file.name).name: re.sub("--.*", "", file.read_text("utf-8"))
    for file in resources.files("captiond.workqueue.streams").joinpath("lua").iterdir()
}
CALL = re.compile(r"\b(?:redis\.call|redis\.pcall|record)\(([^)]*)")
NAME = re.compile(r"'([A-Z]+)'(?:, '([A-Z]+)')?")
WITH_SUBCOMMANDS = {"XGROUP", "XINFO"}
# Calls whose command is a variable, with the commands that it may hold.
VARIABLE: dict[str, set[str]] = {
    "unpack(add": {"XADD"},
    "ARGV[1], KEYS[1], ARGV[2], ARGV[3], 'COUNT', ARGV[4]": {"XRANGE", "XREVRANGE"},
    "...": set(),
}
CLIENTS = {"_client", "_commands", "_blocking", "_leases", "client", "pipeline"}
METHODS = {"delete": "DEL", "xinfo_consumers": "XINFO CONSUMERS"}
# A server may refuse CONFIG GET. Scripts cannot run WAIT, which `Monitor.probe_permissions` sends.
OUTSIDE_THE_SCRIPT = {"CONFIG_GET", "WAIT", "EXECUTE_COMMAND"}


def called(script: str) -> Iterator[str]:
    for arguments in CALL.findall(script):
        if found := NAME.match(arguments):
            command, subcommand = found.groups()
            yield f"{command} {subcommand}" if command in WITH_SUBCOMMANDS else command
        else:
            yield from VARIABLE[arguments]


def sent_by_clients() -> Iterator[str]:
    """Find the methods of Redis clients that the package calls."""
    for path in Path(captiond.workqueue.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if name in CLIENTS and hasattr(CoreCommands, node.func.attr):
                yield METHODS.get(node.func.attr, node.func.attr.upper())


def test_probe_runs_exactly_the_commands_of_scripts_and_clients() -> None:
    in_scripts = {command for name, script in SCRIPTS.items() if name != PROBE for command in called(script)}
    from_clients = set(sent_by_clients()) - OUTSIDE_THE_SCRIPT

    assert "XREADGROUP" in from_clients
    assert set(called(SCRIPTS[PROBE])) == in_scripts | from_clients
