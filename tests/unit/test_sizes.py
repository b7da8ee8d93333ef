"""The sizes of modules and functions that CONTRIBUTING.md states. Ruff checks the number of parameters (PLR0913)."""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import captiond

SOURCE = Path(captiond.__path__[0])
MAX_MODULE_LINES = 250
MAX_FUNCTION_LINES = 40
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
LONG_MODULES = {
    "imaging/jpeg/entropy_decoder.py": "one compiled module: calls between modules would pass through Python",
    "services/api/http/problem_types.py": "a list of constants, which readers search",
}
LONG_FUNCTIONS = {
    "imaging/jpeg/entropy_decoder.py: _pass": "one compiled loop, whose variables stay in registers",
    "imaging/jpeg/entropy_encoder.py: write": "one compiled loop, whose variables stay in registers",
    "imaging/jpeg/progressive.py: read_ac": "one compiled loop, whose variables stay in registers",
    "archive/migrations/versions/0013_lifecycle.py: upgrade": "the statements of a migration, which never changes",
}

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(text: str) -> set[int]:
    """Return the numbers of the lines with code: neither blank nor with comments or docstrings alone."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def modules() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), path.read_text("utf-8")


def long_functions(name: str, text: str) -> Iterator[str]:
    """Find the functions whose bodies are too long. The parameters of commands and endpoints are options."""
    lines = code_lines(text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Definition):
            body = range(node.body[0].lineno, (node.end_lineno or 0) + 1)
            if len(lines & set(body)) > MAX_FUNCTION_LINES:
                yield f"{name}: {node.name}"


def test_modules_have_at_most_250_lines_of_code() -> None:
    assert {name for name, text in modules() if len(code_lines(text)) > MAX_MODULE_LINES} == LONG_MODULES.keys()


def test_functions_have_at_most_40_lines_of_code() -> None:
    found = {function for name, text in modules() for function in long_functions(name, text)}

    assert found == LONG_FUNCTIONS.keys()


def test_comments_docstrings_and_blank_lines_are_no_code() -> None:
    text = '"""Docstring.\n\nMore."""\n\n# Comment\nx = """\ntext\n"""  # comment\n\n\n'

    assert code_lines(text) == {6, 7, 8}
