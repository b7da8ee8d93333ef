r"""Fills the caption template with the fields of an image.

    {camera} · {captured_at:%d.%m.%Y %H:%M:%S}\t[{labels.speed} km/h]\n{description}

A field in braces stands for its value; a time may have a `strftime` format. Text in brackets is drawn only if all its
fields have a value. `\n` starts a line, and a tab `\t` the right column of a line. `{{`, `}}`, `[[`, `]]` and `\\`
stand for one such character. A template contains no expressions, so it cannot run code.

A field without a value is left out together with the text before it. The first field of a column that has a value
starts the column. After the last field, its text is kept only if the field has a value. A line is left out if it has
fields and none has a value.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import TypeAlias

from captiond.image import ReceivedImage, to_zone

DEFAULT_TEMPLATE = "{description}"
DEFAULT_EVENT_TEMPLATE = "{labels.plate} · [{labels.speed} km/h] · {labels.event} · {camera} · {captured_at}"
"""Default template of the descriptions of camera events."""

_DEFAULT_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_DIRECTIVES = frozenset("aAbBdfHIjmMpSyYzZ%")
_TAB = " " * 4  # a tab in a value starts no column
_TOKEN = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|\\[\\nt]|\{(?P<name>[^{}:]*)(?::(?P<format>[^{}]*))?\}|[^\[\]{}\\\n\t]+|.", re.DOTALL
)
_LITERALS = {"{{": "{", "}}": "}", "[[": "[", "]]": "]", "\\\\": "\\"}
_BREAKS = {"\\n": "\n", "\\t": "\t"}
_LABEL = re.compile(r"labels\.([a-z][a-z0-9_]{0,31})")


class InvalidTemplate(ValueError):
    """A caption template cannot be parsed. The message names the faulty part."""


_Value: TypeAlias = Callable[[ReceivedImage], str]
"""Returns the value of a field, or "" for none."""


@dataclass(slots=True)
class _Column:
    """Literal texts and fields in turns: `texts[i]` stands before `values[i]`, and the last text after all fields."""

    texts: list[str] = field(default_factory=lambda: [""])
    values: list[_Value] = field(default_factory=list)

    def add_text(self, text: str) -> None:
        self.texts[-1] += text

    def add_value(self, value: _Value) -> None:
        self.values.append(value)
        self.texts.append("")

    def fill(self, image: ReceivedImage) -> str:
        """Join the texts and the values that exist."""
        filled = [value(image) for value in self.values]
        joined = ""
        for at, value in enumerate(filled):
            if value:
                joined += (self.texts[at] if joined or at == 0 else "") + value
        return joined + self.texts[-1] if not filled or filled[-1] else joined

    def fill_all(self, image: ReceivedImage) -> str:
        """Join the texts and the values if all values exist."""
        return self.fill(image) if all(value(image) for value in self.values) else ""


class CaptionTemplate:
    """A parsed template. `fill` returns the text to draw; a tab separates the columns of a line."""

    def __init__(self, template: str = DEFAULT_TEMPLATE, zone: tzinfo = UTC) -> None:
        """Parse the template. Times are written in `zone`. Raises InvalidTemplate."""
        self._zone = zone
        self._lines = [[_Column()]]
        self._parse(template)

    def fill(self, image: ReceivedImage) -> str:
        """The text to draw for an image. If no field has a value, it is the description."""
        lines = []
        for columns in self._lines:
            texts = [column.fill(image) for column in columns]
            if any(texts) or not any(column.values for column in columns):
                lines.append("\t".join(texts))
        text = "\n".join(lines)
        return text if text.strip() else image.description.replace("\t", _TAB)

    def _parse(self, template: str) -> None:
        group: _Column | None = None
        for token in _TOKEN.finditer(template):
            line = self._lines[-1]
            match _BREAKS.get(token[0], token[0]):
                case _ if token["name"] is not None:
                    (group or line[-1]).add_value(self._parse_field(token["name"], token["format"]))
                case "[" if group is None:
                    group = _Column()
                case "]" if group is not None and group.values:
                    line[-1].add_value(group.fill_all)
                    group = None
                case "\n" if group is None:
                    self._lines.append([_Column()])
                case "\t" if group is None and len(line) == 1:
                    line.append(_Column())
                case "[" | "]" | "{" | "}" | "\\" | "\n" | "\t":
                    raise InvalidTemplate(f"unexpected {token[0]!r} at character {token.start() + 1}")
                case text:
                    (group or line[-1]).add_text(_LITERALS.get(text, text))
        if group is not None:
            raise InvalidTemplate("a bracket `[` is not closed")

    def _parse_field(self, name: str, time_format: str | None) -> _Value:
        if name in _TIMES:
            return partial(self._format_time, name, _check_format(time_format or _DEFAULT_TIME_FORMAT))
        if time_format is not None:
            raise InvalidTemplate(f"the field {name!r} is no time and has no format")
        if name in _TEXTS:
            return _TEXTS[name]
        if label := _LABEL.fullmatch(name):
            return partial(_read_label, label[1])
        known = ", ".join([*_TEXTS, *_TIMES, "labels.NAME"])
        raise InvalidTemplate(f"no field named {name!r}; the fields are {known}")

    def _format_time(self, name: str, time_format: str, image: ReceivedImage) -> str:
        time: datetime | None = getattr(image, name)
        return "" if time is None else to_zone(time, self._zone).strftime(time_format)


_TEXTS: dict[str, _Value] = {
    "description": lambda image: image.description.replace("\t", _TAB),
    "camera": lambda image: (image.camera or "").replace("\t", _TAB),
    "id": lambda image: str(image.id),
}
_TIMES = ("captured_at", "received_at")


def _read_label(name: str, image: ReceivedImage) -> str:
    return image.labels.get(name, "").replace("\t", _TAB)


def _check_format(time_format: str) -> str:
    """Raise InvalidTemplate for directives that not every system has."""
    for directive in re.findall("%(.?)", time_format):
        if directive not in _DIRECTIVES:
            raise InvalidTemplate(
                f"no time directive '%{directive}'; the directives are %{' %'.join(sorted(_DIRECTIVES))}"
            )
    return time_format
