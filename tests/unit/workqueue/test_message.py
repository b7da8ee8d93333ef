"""The format of what travels."""

from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from captiond.workqueue import MalformedMessage, Message
from captiond.workqueue.message import MAX_HEADERS, RESERVED_FIELDS, Delivery
from captiond.workqueue.worker import Forward

ID = UUID("0190a8f0-0000-7000-8000-000000000000")

header_names = st.text(st.characters(exclude_categories=["Cs"])).filter(
    lambda name: name not in RESERVED_FIELDS and not name.startswith("dead_")
)
headers = st.dictionaries(header_names, st.binary(), max_size=8)


def delivered(fields: dict[bytes, bytes], body: bytes | None = b"") -> Delivery:
    return Delivery(b"1-0", 1, fields, body)


def as_delivered(message: Message) -> Delivery:
    flat = message.fields()
    return delivered(dict(zip(flat[::2], flat[1::2], strict=True)), message.payload)


@given(st.uuids(), headers, st.binary())
@example(ID, {}, b"")
@example(ID, {"": b"", "note": "👩‍👩‍👧‍👦 e\u0301 \u202eabc\0\r\n".encode(), "🐈": b"\xff\x00"}, b"\xff\xd8\xff")
def test_a_message_is_read_as_it_was_written(message_id: UUID, sent_headers: dict[str, bytes], body: bytes) -> None:
    message = Message(message_id, sent_headers, body)

    assert as_delivered(message).message() == message


@given(headers, st.binary())
def test_a_delivery_weighs_what_its_message_weighed(sent_headers: dict[str, bytes], body: bytes) -> None:
    message = Message(ID, sent_headers, body)

    assert as_delivered(message).size_bytes == message.size_bytes


@pytest.mark.parametrize("name", [*sorted(RESERVED_FIELDS), "dead_", "dead_error"])
def test_a_reserved_header_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"header name '{name}' is reserved"):
        Message(ID, {name: b""}, b"")


def test_a_message_goes_on_under_no_reserved_header_name() -> None:
    with pytest.raises(ValueError, match="header name 'id' is reserved"):
        Forward({"id": b""}, "passed")


def test_more_headers_than_a_script_can_add_are_refused() -> None:
    too_many = {str(number): b"" for number in range(MAX_HEADERS + 1)}

    with pytest.raises(ValueError, match="101 headers are more than 100"):
        Message(ID, too_many, b"")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "message format b'' is not 2"),
        ({b"v": b"1", b"id": str(ID).encode()}, "message format b'1'"),
        ({b"v": b"2"}, "lacks its id"),
        ({b"v": b"2", b"id": b"seven"}, "lacks its id"),
        ({b"v": b"2", b"id": b"\xff"}, "lacks its id"),
        ({b"v": b"2", b"id": str(ID).encode(), b"\xff": b""}, "headers cannot be read"),
        ({b"v": b"2", b"id": str(ID).encode(), b"dead_error": b""}, "headers cannot be read"),
    ],
)
def test_fields_that_are_no_message_are_malformed(fields: dict[bytes, bytes], problem: str) -> None:
    with pytest.raises(MalformedMessage, match=problem):
        delivered(fields).message()


def test_a_message_whose_body_is_gone_is_malformed() -> None:
    known = as_delivered(Message(ID, {"note": b"here"}, b"body"))

    with pytest.raises(MalformedMessage, match="body is gone"):
        delivered(dict(known.fields), None).message()


@given(st.dictionaries(st.binary(max_size=9), st.binary(max_size=40), max_size=6))
def test_fields_without_an_id_are_never_a_message(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(MalformedMessage):
        delivered({**fields, b"v": b"2", b"id": b""}).message()


def test_the_id_of_a_malformed_message_is_told_where_it_can_be_read() -> None:
    message_id = uuid4()

    assert delivered({b"id": str(message_id).encode()}).id == str(message_id)
    assert delivered({b"id": b"seven"}).id == ""
    assert delivered({}).id == ""


def test_bodies_stay_out_of_the_logs() -> None:
    message = Message(ID, {}, b"secret")

    assert "secret" not in repr(message)
    assert "secret" not in repr(as_delivered(message))
