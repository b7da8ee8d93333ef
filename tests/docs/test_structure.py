"""The descriptions of the source tree, the packages and the keys in Redis, against the code."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from captiond.workqueue.streams.keys import NOTIFICATIONS, Keys
from tests.docs.blocks import REPOSITORY

SOURCE = REPOSITORY / "src/captiond"
ARCHITECTURE = (REPOSITORY / "docs/explanation/architecture.md").read_text("utf-8")
TREE = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8").partition("```text\n")[2].partition("```")[0]
NOT_DESCRIBED = {"__init__.py", "__main__.py", "__pycache__", "py.typed"}
# Parameters of the methods of Keys whose placeholders in the table have other names.
PLACEHOLDERS = {"message_id": "id"}


def described_in_tree(root: str) -> set[str]:
    """Return the names at the first level below a root of the tree in CONTRIBUTING.md."""
    section = re.search(rf"^{root}/\n((?: .*\n)+)", TREE, re.MULTILINE)
    assert section
    names = re.findall(r"^  (\S+(?:, \S+)*) {2,}", section[1], re.MULTILINE)
    return {name.rstrip("/") for group in names for name in group.split(", ")}


def entries(folder: Path) -> Iterator[str]:
    """List the modules and packages of the source, with each service as a package."""
    for path in sorted(folder.iterdir()):
        if path.name == "services":
            yield from (f"services/{each}" for each in entries(path))
        elif path.name not in NOT_DESCRIBED:
            yield path.name


def entry_of(module: tuple[str, ...]) -> str:
    """Return the entry that a module below captiond belongs to."""
    name = "/".join(module[:2]) if module[0] == "services" else module[0]
    return f"{name}.py" if (SOURCE / f"{name}.py").exists() else name


def imports_of(entry: str) -> set[str]:
    """Return the entries that an entry imports."""
    path = SOURCE / entry
    found = set()
    for file in path.rglob("*.py") if path.is_dir() else [path]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {entry_of(tuple(name.split(".")[1:])) for name in names if name.startswith("captiond.")}
    return found - {entry}


def rows(header: str) -> Iterator[list[str]]:
    """Return the cells of a table of the architecture."""
    for line in ARCHITECTURE.partition(f"| {header} |")[2].partition("\n\n")[0].splitlines()[2:]:
        yield [cell.strip() for cell in line.split("|")[1:-1]]


def code(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


def test_tree_lists_every_module_and_package() -> None:
    assert described_in_tree("src/captiond") == set(entries(SOURCE))


def test_tree_lists_every_folder_of_tests() -> None:
    folders = {path.name for path in (REPOSITORY / "tests").iterdir() if path.is_dir()}

    assert described_in_tree("tests") == folders - NOT_DESCRIBED


def test_package_table_lists_every_module_and_package() -> None:
    assert {name for row in rows("package") for name in code(row[0])} == set(entries(SOURCE))


def test_package_table_names_the_imports_of_each_package() -> None:
    *single, modules = rows("package")
    importable_anywhere = set(code(modules[0]))

    documented = {code(name)[0]: set(code(imports)) for name, _, imports, _ in single if "all packages" not in imports}

    assert documented == {name: imports_of(name) - importable_anywhere for name in documented}


def test_modules_that_any_package_may_import_import_no_package() -> None:
    *_, modules = rows("package")

    assert {name: imports_of(name) for name in code(modules[0])} == {name: set() for name in code(modules[0])}


def test_key_table_lists_every_key_in_redis() -> None:
    keys, names = Keys(), set()
    for name, member in inspect.getmembers(Keys):
        if name.startswith("_") or name in {"family", "prefix", "of_family", "probes"}:
            continue
        if isinstance(member, property):
            names.add(str(getattr(keys, name)))
        else:
            [parameter] = list(inspect.signature(member).parameters)[1:]
            names.add(member(keys, f"<{PLACEHOLDERS.get(parameter, parameter)}>"))
    names |= {re.sub(r"\d+$", "<number>", probe) for probe in keys.probes}

    assert {name for row in rows("key") for name in code(row[0])} == names
    assert f"`{keys.of_family(NOTIFICATIONS).stream('')[:-1]}`" in ARCHITECTURE
