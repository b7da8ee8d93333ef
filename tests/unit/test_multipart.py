"""Forms that browsers, cameras and old clients send, in pieces of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.services.api.upload.multipart import (
    MAX_PART_HEADER_BYTES,
    MAX_PARTS,
    MAX_PREAMBLE_BYTES,
    FileHeaders,
    FormLimitExceeded,
    MalformedForm,
    MultipartParser,
    Part,
    parse_file_headers,
    parse_parameters,
)

JPEG = b"\xff\xd8\xff\r\n--\r\r\n-\n"
NAMED = b'Content-Disposition: form-data; name="image"; filename="a.jpg"'
PIECES = (1, 2, 3, 7, 1 << 20)


def parse(body: bytes, boundary: bytes = b"limit", piece: int = 1 << 20) -> list[tuple[Part, bytes]]:
    parser = MultipartParser(boundary)
    parts: list[tuple[Part, bytes]] = []
    for start in range(0, len(body), piece):
        for event in parser.feed(body[start : start + piece]):
            if isinstance(event, Part):
                parts.append((event, b""))
            elif event:
                parts[-1] = (parts[-1][0], parts[-1][1] + event)
    assert parser.ended
    return parts


def form(headers: bytes = NAMED, content: bytes = JPEG, *, line_break: bytes = b"\r\n") -> bytes:
    return line_break.join([b"--limit", headers, b"", content, b"--limit--", b""])


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize(
    "body",
    [
        form(),
        form(line_break=b"\n"),
        b"\r\n" + form(),
        b"This is a multi-part message in MIME format.\r\nlimit, --limit\r\n" + form(),
        form() + b"\r\nepilogue --limit\r\n--limit\r\n",
        form()[:-2],
        b"--limit\r\n--limit\n--limit\r\n" + form(),
        form() + b"--limit--\r\n",
        form().replace(b"--limit\r\n", b"--limit \t\r\n"),
        form().replace(b"--limit--\r\n", b"--limit-- \t"),
        b"--limit\r\n" + form(),
        b"--limit\r\nX: an empty part without a blank line\r\n" + form(),
        form(b'content-DISPOSITION:form-data;NAME="image"'),
        form(b"Content-Disposition: form-data; name=image; filename=a.jpg"),
        form(b'Content-Disposition : form-data; name = "image"'),
        form(b'Content-Disposition: form-data;\r\n\tfilename="a.jpg";\r\n  name="image"'),
        form(b'Content-Disposition: attachment; name="image"'),
        form(b'Content-Disposition: form-data; filename="a; name=\\"x\\"; name=y.jpg"; name="image"'),
        form(b'Content-Disposition: form-data; name="image"; name="other"'),
        form('Content-Disposition: form-data; filename="…фото.jpg"; name="image"'.encode("cp1251")),
        form('Content-Disposition: form-data; name="image"; filename="表.jpg"'.encode("shift_jis")),
        form(b"Content-Disposition: form-data; name=\"image\"; filename*=UTF-8''%D1%84.jpg"),
        form(NAMED + b"\r\nContent-Length: 3\r\nContent-Length: many"),
        form(NAMED + b"\r\nno header\r\nX.Y: z\r\n: nameless"),
        form(NAMED + b"\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(100)) + b"Z: z"),
        form(NAMED + b"\r\nX: " + bytes(5000)),
    ],
)
def test_part_is_read_byte_for_byte(body: bytes, piece: int) -> None:
    [*before, (part, content)] = parse(body, piece=piece)

    assert (part.name, content) == ("image", JPEG)
    assert not before


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("boundary", [b"--limit", b"=_?/(:)", b"a b", b"-", b"---", b"x" * 256])
def test_boundary_may_contain_any_characters(boundary: bytes, piece: int) -> None:
    body = form().replace(b"limit", boundary)

    assert [content for _, content in parse(body, boundary, piece)] == [JPEG]


@pytest.mark.parametrize("piece", PIECES)
def test_boundary_parameter_may_contain_the_dashes_of_the_body(piece: int) -> None:
    assert [content for _, content in parse(form(), b"--limit", piece)] == [JPEG]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"\r\n--limitless\r\n",
        b"\r\n--limi\r\n--limit-x",
        b"\n--limit\n",
        b"--limitless",
        b"\r\n--limit x\r\n",
    ],
)
def test_text_like_a_boundary_is_content(content: bytes, piece: int) -> None:
    assert [found for _, found in parse(form(content=content), piece=piece)] == [content]


@given(content=st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", b"limit", b" ", b"x"])), piece=st.integers(1, 30))
def test_pieces_do_not_change_the_content(content: list[bytes], piece: int) -> None:
    body = form(content=b"x" + b"".join(content))

    assert parse(body, piece=piece) == parse(body)


@pytest.mark.parametrize("piece", PIECES)
def test_parts_without_content_or_headers_are_parts(piece: int) -> None:
    body = b"--limit\r\n" + NAMED + b"\r\n\r\n--limit\r\n\r\nplain\r\n--limit\r\n\r\n\r\n--limit--"

    assert [(part.name, content) for part, content in parse(body, piece=piece)] == [
        ("image", b""),
        ("", b"plain"),
        ("", b""),
    ]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize(
    "body", [b"--limit--", b"--limit--\r\n", b"--limit\r\n--limit--", b"--limit\r\nX: y\r\n--limit--"]
)
def test_form_may_have_no_parts(body: bytes, piece: int) -> None:
    assert parse(body, piece=piece) == []


def test_charset_and_transfer_encoding_are_read() -> None:
    headers = NAMED + b'\r\ncontent-type: text/plain; Charset="windows-1251"\r\nContent-Transfer-Encoding: BASE64'

    [(part, _)] = parse(form(headers))

    assert (part.name, part.charset, part.transfer_encoding) == ("image", "windows-1251", "BASE64")


@pytest.mark.parametrize(
    "headers",
    [
        b'Content-Disposition: form-data; name="image"; filename="\xd1\x8f.jpg"\r\nContent-Type: image/JPEG',
        b'Content-Type: Image/jpeg; x=y\r\ncontent-disposition: form-data;name=image;filename="\xd1\x8f.jpg"',
    ],
)
def test_file_name_and_media_type_are_read(headers: bytes) -> None:
    [(part, _)] = parse(form(headers))

    assert part.name == "image"
    assert parse_file_headers(part) == FileHeaders("я.jpg", "image/jpeg", "")


def test_part_may_have_only_a_content_id() -> None:
    [(part, _)] = parse(form(b"Content-ID: <scene>\r\nContent-Type: image/jpeg"))

    assert part.name == ""
    assert parse_file_headers(part) == FileHeaders("", "image/jpeg", "<scene>")


@pytest.mark.parametrize("body", [b"no boundary in here" * 1000, JPEG * 1000, b"\n" * 100_000, b"x--limit\n" * 1000])
def test_body_without_boundary_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedForm, match=f"no line with the boundary in the first {MAX_PREAMBLE_BYTES} bytes"):
        parse(body, piece=1000)


def test_number_of_parts_is_limited() -> None:
    body = b"--limit\r\n\r\n\r\n" * MAX_PARTS

    assert len(parse(body + b"--limit--")) == MAX_PARTS
    with pytest.raises(FormLimitExceeded, match=rf"more than {MAX_PARTS} parts"):
        parse(body + b"--limit\r\n\r\n\r\n--limit--")


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n\r\n--limit--"])
def test_part_headers_are_limited(end: bytes) -> None:
    body = b"--limit\r\n\r\nx\r\n--limit\r\nX: " + b"y" * MAX_PART_HEADER_BYTES

    with pytest.raises(FormLimitExceeded, match=rf"The headers of part 2 exceed {MAX_PART_HEADER_BYTES} bytes"):
        parse(body + end, piece=1000)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ("", {})),
        ("Multipart/Form-Data", ("multipart/form-data", {})),
        ("a/b;boundary=x", ("a/b", {"boundary": "x"})),
        ('a/b ; charset=utf-8 ; BOUNDARY = "x; y" ', ("a/b", {"charset": "utf-8", "boundary": "x; y"})),
        ("a/b; boundary=----=_Part_1/2?", ("a/b", {"boundary": "----=_Part_1/2?"})),
        ('a/b; boundary="unterminated', ("a/b", {"boundary": '"unterminated'})),
        ("a/b; boundary=", ("a/b", {"boundary": ""})),
        ("a/b; boundary", ("a/b", {})),
    ],
)
def test_header_value_is_split_into_parameters(value: str, expected: tuple[str, dict[str, str]]) -> None:
    assert parse_parameters(value) == expected
