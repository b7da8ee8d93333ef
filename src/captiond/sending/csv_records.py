"""Parses CSV strictly (RFC 4180): each fault is an error, where Python's csv module guesses.

The page reads its files by the same rules (`static/js/send/csv.js`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_QUOTED = re.compile(r'"((?:[^"]++|"")*+)"')
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class CsvError(ValueError):
    """A line breaks the rules of CSV. `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one record. `line` is its first line, from 1."""

    line: int
    fields: list[str]


def parse_records(text: str, separator: str, first_line: int = 1) -> Iterator[Record]:
    """Yield the records. Lines without any text are skipped. Raises CsvError."""
    plain = re.compile(rf'[^"\r\n{re.escape(separator)}]*')
    line, at = first_line, 0
    while at < len(text):
        record_line = line
        fields: list[str] = []
        while True:
            if text[at : at + 1] == '"':
                value, at = _read_quoted(text, at, line)
                line += len(_LINE_BREAK.findall(value))
            else:
                value, at = _read_plain(text, at, line, plain)
            fields.append(value)
            if text[at : at + 1] != separator:
                break
            at += 1
        if at < len(text):
            line_break = _LINE_BREAK.match(text, at)
            if not line_break:
                raise CsvError(line, "text after a closing quote; double the quotes inside a text")
            at = line_break.end()
        line += 1
        if any(fields):
            yield Record(record_line, fields)


def _read_quoted(text: str, start: int, line: int) -> tuple[str, int]:
    """Return the value of a field in quotes, and the offset behind it."""
    if not (found := _QUOTED.match(text, start)):
        raise CsvError(line, "a quote is not closed")
    return found[1].replace('""', '"'), found.end()


def _read_plain(text: str, start: int, line: int, plain: re.Pattern[str]) -> tuple[str, int]:
    """Return the value of a field without quotes, and the offset behind it."""
    found = plain.match(text, start)
    assert found is not None  # noqa: S101 - it matches the empty text
    if text[found.end() : found.end() + 1] == '"':
        reason = "a quote inside a text without quotes; double it and enclose the text in quotes"
        raise CsvError(line, reason)
    return found[0], found.end()
