"""JSON on stdout is valid in every encoding of the terminal."""

import io
import json

import pytest

from captiond.cli.json_output import print_json


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("utf-8", "Ворота é", b'"\xd0\x92\xd0\xbe\xd1\x80\xd0\xbe\xd1\x82\xd0\xb0 \xc3\xa9"\n'),
        ("utf-8", "a\udcff", rb'"a\udcff"' + b"\n"),
        ("ascii", "é", rb'"\u00e9"' + b"\n"),
        ("latin-1", "é", rb'"\u00e9"' + b"\n"),
    ],
    ids=["utf-8", "surrogate", "ascii", "latin-1"],
)
def test_output_is_json_in_utf_8(monkeypatch: pytest.MonkeyPatch, encoding: str, text: str, written: bytes) -> None:
    output = io.BytesIO()
    monkeypatch.setattr(
        "sys.stdout", io.TextIOWrapper(output, encoding=encoding, errors="backslashreplace", newline="")
    )

    print_json(text)

    assert output.getvalue() == written
    assert json.loads(written.decode()) == text
