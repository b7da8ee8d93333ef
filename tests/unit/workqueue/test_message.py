"""The message format."""

from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from captiond.workqueue import MalformedMessage, Message
from captiond.workqueue.message import MAX_HEADERS, RESERVED_FIELDS, Delivery, flat_fields
from captiond.workqueue.worker import Forward

ID = UUID("0190a8f0-0000-7000-8000-000000000000")

header_names = st.text(st.characters(exclude_categories=["Cs"])).filter(
    lambda name: name not in RESERVED_FIELDS and not name.startswith("dead_")
)
headers = st.dictionaries(header_names, st.binary(), max_size=8)


def delivered(fields: dict[bytes, bytes], payload: bytes | None = b"") -> Delivery:
    return Delivery(b"1-0", 1, fields, payload)


def as_delivered(message: Message) -> Delivery:
    flat = flat_fields(str(message.id), message.headers)
    return delivered(dict(zip(flat[::2], flat[1::2], strict=True)), message.payload)


@given(st.uuids(), headers, st.binary())
@example(ID, {}, b"")
@example(ID, {"": b"", "note": "👩‍👩‍👧‍👦 e\u0301 \u202eabc\0\r\n".encode(), "🐈": b"\xff\x00"}, b"\xff\xd8\xff")
def test_message_round_trip(message_id: UUID, sent_headers: dict[str, bytes], payload: bytes) -> None:
    message = Message(message_id, sent_headers, payload)

    assert as_delivered(message).decode() == message


@given(headers, st.binary())
def test_delivery_has_the_size_of_its_message(sent_headers: dict[str, bytes], payload: bytes) -> None:
    message = Message(ID, sent_headers, payload)

    assert as_delivered(message).size_bytes == message.size_bytes


@pytest.mark.parametrize("name", [*sorted(RESERVED_FIELDS), "dead_", "dead_error"])
def test_reserved_header_name_raises_value_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"header name '{name}' is reserved"):
        Message(ID, {name: b""}, b"")


def test_forward_with_reserved_header_name_raises_value_error() -> None:
    with pytest.raises(ValueError, match="header name 'id' is reserved"):
        Forward({"id": b""}, "passed")


def test_more_than_100_headers_raise_value_error() -> None:
    too_many = {str(number): b"" for number in range(MAX_HEADERS + 1)}

    with pytest.raises(ValueError, match="101 headers; at most 100 are allowed"):
        Message(ID, too_many, b"")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "message format b'' is not 2"),
        ({b"v": b"0", b"id": str(ID).encode()}, "message format b'0'"),
        ({b"v": b"1", b"id": str(ID).encode()}, "payload .* is missing"),
        ({b"v": b"2"}, "is not a UUID"),
        ({b"v": b"2", b"id": b"seven"}, "is not a UUID"),
        ({b"v": b"2", b"id": b"\xff"}, "is not a UUID"),
        ({b"v": b"2", b"id": str(ID).encode(), b"\xff": b""}, "invalid headers"),
        ({b"v": b"2", b"id": str(ID).encode(), b"dead_error": b""}, "invalid headers"),
    ],
)
def test_invalid_fields_raise_malformed_message(fields: dict[bytes, bytes], problem: str) -> None:
    with pytest.raises(MalformedMessage, match=problem):
        delivered(fields).decode()


def test_missing_payload_raises_malformed_message() -> None:
    known = as_delivered(Message(ID, {"note": b"here"}, b"body"))

    with pytest.raises(MalformedMessage, match=r"payload key of message .* is missing"):
        delivered(dict(known.fields), None).decode()


@given(st.dictionaries(st.binary(max_size=9), st.binary(max_size=40), max_size=6))
def test_fields_without_id_raise_malformed_message(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(MalformedMessage):
        delivered({**fields, b"v": b"2", b"id": b""}).decode()


def test_id_of_a_malformed_message_is_read_if_valid() -> None:
    message_id = uuid4()

    assert delivered({b"id": str(message_id).encode()}).id == str(message_id)
    assert delivered({b"id": b"seven"}).id == ""
    assert delivered({}).id == ""


def test_repr_does_not_show_the_payload() -> None:
    message = Message(ID, {}, b"secret")

    assert "secret" not in repr(message)
    assert "secret" not in repr(as_delivered(message))


def test_payload_of_format_1_is_in_the_entry_and_counted_once() -> None:
    fields = {b"v": b"1", b"id": str(ID).encode(), b"note": b"x", b"body": b"payload"}

    delivery = Delivery(b"1-0", 1, fields, payload=b"payload")  # its forwarder crashed after writing the key

    assert delivery.decode() == Message(ID, {"note": b"x"}, b"payload")
    assert delivery.size_bytes == sum(len(name) + len(value) for name, value in fields.items())
