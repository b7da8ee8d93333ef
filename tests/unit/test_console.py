import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from captiond.cli.console import print_line
from captiond.cli.errors import escape, escape_unencodable, print_error

CONTROLS = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029",
    "\ud800",
    "\udcff",
]


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_control_character_is_escaped(control: str) -> None:
    assert escape(f"a{control}b") == f"a\\u{ord(control):04x}b"


@pytest.mark.parametrize("text", ["", "plain", "Прошло 7 секунд", "שלום 🚦", "[bold] \\x1b", "a\u00a0b\u00adc"])
def test_other_text_is_not_escaped(text: str) -> None:
    assert escape(text) == text


@given(text=st.text())
def test_escaped_json_is_the_same_json(text: str) -> None:
    assert json.loads(escape(json.dumps(text, ensure_ascii=False))) == text


def test_lines_and_errors_are_escaped_and_have_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    file = io.StringIO()
    out = Console(file=file, width=80)

    print_line(out, "[/red] \x9b2J\n")
    print_line(out, "\x1b]0;owned\x07 [link=x]", indent=4)
    print_error("no file\x1b[2J\u202e: [bold]\nx")

    assert file.getvalue() == "[/red] \\u009b2J\\u000a\n    \\u001b]0;owned\\u0007 [link=x]\n"
    assert capsys.readouterr().err == "captiond: no file\\u001b[2J\\u202e: [bold] x\n"


def test_long_line_is_broken_between_words_only() -> None:
    file = io.StringIO()
    path = "/srv/" + "a" * 80

    print_line(Console(file=file, width=30), f"altered: {path} 7 bytes, in the row 8 bytes", indent=2)

    assert file.getvalue().splitlines() == ["  altered:", f"  {path}", "  7 bytes, in the row 8 bytes"]


@pytest.mark.parametrize(("encoding", "printed"), [("ascii", rb"\u0434\u0430"), ("koi8-r", b"\xc4\xc1")])
def test_characters_that_the_terminal_lacks_are_escaped(
    monkeypatch: pytest.MonkeyPatch, encoding: str, printed: bytes
) -> None:
    terminal = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(terminal, encoding))

    escape_unencodable()
    print_line(Console(), "да")
    sys.stdout.flush()

    assert terminal.getvalue() == printed + b"\n"
