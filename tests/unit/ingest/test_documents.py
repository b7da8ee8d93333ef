"""Camera documents, including malformed and hostile documents."""

import pytest

from captiond.services.api.ingest.documents import (
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    MAX_VALUES,
    MalformedDocument,
    collect_fields,
    parse_document,
)

ALERT = "<EventNotificationAlert{}><channelName>Стоянка 停车场</channelName></EventNotificationAlert>"


@pytest.mark.parametrize(
    "namespace",
    [
        "",
        ' xmlns="http://www.hikvision.com/ver20/XMLSchema"',
        ' xmlns="http://www.isapi.org/ver20/XMLSchema" version="2.0"',
        ' xmlns="http://www.std-cgi.com/ver10/XMLSchema"',
    ],
)
def test_namespace_of_a_document_does_not_matter(namespace: str) -> None:
    assert parse_document(ALERT.format(namespace).encode()) == {
        "EventNotificationAlert": {"channelName": "Стоянка 停车场"}
    }


def test_prefixes_of_namespaces_are_removed() -> None:
    assert parse_document(b'<h:a xmlns:h="urn:h"><h:b>1</h:b></h:a>') == {"a": {"b": "1"}}


@pytest.mark.parametrize("declared", ["GB2312", "gbk", "GB18030"])
def test_chinese_encoding_of_the_declaration_is_read(declared: str) -> None:
    document = f'<?xml version="1.0" encoding="{declared}"?><a><channelName>停车场</channelName></a>'

    assert parse_document(document.encode("gb18030")) == {"a": {"channelName": "停车场"}}


def test_charset_of_the_header_is_read() -> None:
    assert parse_document("<a><b>Ленина</b></a>".encode("windows-1251"), "windows-1251") == {"a": {"b": "Ленина"}}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_mark_takes_precedence(encoding: str) -> None:
    document = '<?xml version="1.0" encoding="GB2312"?>\n<a><b>Ленина</b></a>'

    assert parse_document(document.encode(encoding)) == {"a": {"b": "Ленина"}}


def test_bytes_that_are_invalid_in_the_declared_encoding_are_replaced() -> None:
    document = b'<?xml version="1.0" encoding="UTF-8"?><a><b>x\xff</b><licensePlate>A1</licensePlate></a>'

    assert parse_document(document) == {"a": {"b": "x\ufffd", "licensePlate": "A1"}}


def test_unknown_encoding_is_read_as_utf_8() -> None:
    assert parse_document(b'<?xml version="1.0" encoding="x-none"?><a><b>1</b></a>') == {"a": {"b": "1"}}


def test_padding_and_control_characters_are_accepted() -> None:
    assert parse_document(b"\r\n<a><b>x\x0by</b></a>\n\0\0\0") == {"a": {"b": "x\ufffdy"}}


def test_repeated_elements_are_a_list() -> None:
    assert parse_document(b"<a><b>1</b><b>2</b><b><c/></b></a>") == {"a": {"b": ["1", "2", {"c": ""}]}}


def test_values_of_json_are_texts() -> None:
    document = b'{"a": 1, "b": 97.50, "c": true, "d": null, "e": [1, {"f": "x"}]}'

    assert parse_document(document) == {"a": "1", "b": "97.50", "c": "true", "d": "", "e": ["1", {"f": "x"}]}


def test_fields_are_the_first_values_by_name_and_by_parent() -> None:
    document = parse_document(b"<r><Vehicle><Color>red</Color></Vehicle><Plate><color>blue</color></Plate><e/></r>")

    fields = collect_fields(document)

    assert fields == {"color": "red", "vehicle/color": "red", "plate/color": "blue"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<a><b></a>", "is not valid XML: mismatched tag: line 1"),
        (b"<a>&lol;</a>", "is not valid XML: undefined entity"),
        (b"<a/><b/>", "is not valid XML: junk after document element"),
        (b"<a>" * 10_000, f"is nested deeper than {MAX_DEPTH} levels"),
        (b"<r>" + b"<a/>" * (MAX_VALUES + 1) + b"</r>", f"has more than {MAX_VALUES} values"),
        (b"<a>" + b"x" * MAX_DOCUMENT_BYTES + b"</a>", f"exceeds the limit of {MAX_DOCUMENT_BYTES} bytes"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "has a document type declaration"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "has a document type declaration"),
        (b'<!DOCTYPE a [<!ENTITY x "x"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>', "has a document type declaration"),
        (b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://example.com/x">%x;]><a/>', "has a document type declaration"),
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b'{"a": ' * 100 + b"1" + b"}" * 100, f"is nested deeper than {MAX_DEPTH} levels"),
        (b"[" * MAX_VALUES, "is not valid JSON"),
        (b"[" + b"{}," * 50_000 + b"1]", f"has more than {MAX_VALUES} values"),
    ],
)
def test_malformed_or_hostile_document_is_rejected(document: bytes, reason: str) -> None:
    with pytest.raises(MalformedDocument) as raised:
        parse_document(document)

    assert str(raised.value).startswith(reason)
