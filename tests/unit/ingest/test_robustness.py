"""Arbitrary input of the parsers."""

import json
from contextlib import suppress
from datetime import UTC

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ingest.test_dahua import TOLLGATE
from tests.unit.ingest.test_hikvision import ANPR

from captiond.services.api.ingest.dahua import parse_notification
from captiond.services.api.ingest.documents import MalformedDocument, parse_document
from captiond.services.api.ingest.event import CameraEvent, cut
from captiond.services.api.ingest.hikvision import PicturePart, parse_event

TEXTS = st.text() | st.sampled_from(["Content", "eventType", "UUID", "fileName", "type", "Active", "uuid", "dateTime"])
DOCUMENTS = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none() | st.floats(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXTS, children, max_size=4),
)
PIECES = st.binary(max_size=8) | st.sampled_from(
    [b"<", b"</", b"/>", b"&", b"]]>", b"<![CDATA[", b"<?xml", b"{", b"\0"]
)


@st.composite
def damaged(draw: st.DrawFn, document: bytes) -> bytes:
    """A document with replaced, inserted or missing bytes."""
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(document)))
        document = document[:start] + draw(PIECES) + document[start + draw(st.integers(0, 20)) :]
    return document


def check(event: CameraEvent) -> None:
    """The limits of an upload."""
    assert len(event.labels_with("normal")) <= 16
    assert all(len(value) <= 200 for value in event.labels.values())
    assert event.camera is None or 0 < len(event.camera) <= 64
    assert event.labels["event_id"]
    event.labels["event_id"].encode()


@given(damaged(ANPR), st.text())
@settings(max_examples=500, deadline=None)
def test_damaged_xml_is_an_event_or_malformed(content: bytes, charset: str) -> None:
    try:
        document = parse_document(content, charset)
    except MalformedDocument:
        return
    check(parse_event([document], [PicturePart(("P1", "x.jpg", ""), b"")], {}, UTC))


@given(damaged(json.dumps(TOLLGATE).encode()))
@settings(max_examples=500, deadline=None)
def test_damaged_json_is_an_event_or_malformed(content: bytes) -> None:
    with suppress(MalformedDocument):
        check(parse_notification(content, "", UTC))


@given(DOCUMENTS)
@settings(max_examples=300, deadline=None)
def test_any_json_is_an_event_or_malformed(value: object) -> None:
    content = json.dumps(value).encode()

    check(parse_event([parse_document(content)], [], {}, UTC))
    with suppress(MalformedDocument):
        check(parse_notification(content, "", UTC))


@given(st.text(), st.integers(1, 300))
@settings(deadline=None)
def test_any_text_becomes_storable(text: str, max_characters: int) -> None:
    result = cut(text, max_characters)

    assert len(result) <= max_characters
    assert not any(ord(character) < 32 for character in result)
    assert "\0" not in result
    result.encode()
