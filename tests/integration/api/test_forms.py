"""Upload forms as cameras, browsers and old clients send them."""

import base64
import http.client
import os
import quopri
from pathlib import Path

import httpx
import pytest

from tests.integration.api.serving import MAX_UPLOAD_BYTES, Api, form, jpeg, problem

CASES = Path(os.environ.get("CAPTIOND_CASES", Path(__file__).parents[4] / "shared/cases"))
needs_cases = pytest.mark.skipif(
    not CASES.is_dir(), reason="not possible here: no cases; CAPTIOND_CASES names their directory"
)
PHOTO = jpeg()
IMAGE = b'--limit\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n' + PHOTO + b"\r\n"
TEXT = b'Content-Disposition: form-data; name="description"'
END = b"--limit--\r\n"


def send_file(api: Api, name: str) -> tuple[int, bytes]:
    """Send a whole request as it is, and return status and body of the response."""
    host, port = api.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.connect()
    connection.sock.sendall((CASES / name).read_bytes())
    response = http.client.HTTPResponse(connection.sock, method="POST")
    response.begin()
    body = response.read()
    connection.close()
    return response.status, body


def post(api: Api, *parts: bytes) -> httpx.Response:
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    return api.client.post("/api/images", content=b"".join([*parts, END]), headers=headers)


def describe(content: bytes, headers: bytes = b"") -> bytes:
    """The part `description`."""
    return b"--limit\r\n" + TEXT + headers + b"\r\n\r\n" + content + b"\r\n"


@needs_cases
@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("18-hikvision.http", 422, "image: is missing; description: is missing"),
        ("18-second-picture-over-64k.http", 202, '"description":"'),
        ("22-cp1251-filename.http", 202, '"description":"'),
        ("23-bom.http", 202, '"description":"'),
        ("23-charset-windows-1251.http", 202, '"description":"'),
        ("25-no-boundary.http", 400, "boundary"),
    ],
)
def test_case_gets_its_answer(api: Api, name: str, status: int, expected: str) -> None:
    found, body = send_file(api, name)

    assert found == status, body
    assert expected in body.decode()
    assert "\ufeff" not in body.decode()
    assert "\ufffd" not in body.decode()


@needs_cases
def test_windows_newlines_of_a_case_count_once(api: Api) -> None:
    text = (CASES / "26-crlf-200.txt").read_bytes()

    response = post(api, IMAGE, describe(text))

    assert response.status_code == 202
    assert response.json()["description"] == text.decode().replace("\r\n", "\n")
    assert len(response.json()["description"]) == 200


@pytest.mark.parametrize(
    ("line_break", "characters"), [("\r\n", 1), ("\n", 1), ("\r", 1), ("\n\r", 2), ("\r\n\r\n", 2)]
)
def test_line_break_of_a_browser_counts_as_one_character(api: Api, line_break: str, characters: int) -> None:
    filled = "x" * (200 - characters)

    assert post(api, IMAGE, describe(f"{filled}{line_break}".encode())).status_code == 202
    assert problem(post(api, IMAGE, describe(f"{filled}{line_break}x".encode()))) == (422, "invalid-request")


CHARSETS = [
    "utf-8",
    "utf8",
    "windows-1251",
    "Windows-1251",
    "cp1251",
    "koi8-r",
    "koi8-u",
    "iso-8859-5",
    "ibm866",
    "macCyrillic",
    "utf-16",
    "utf-16le",
    "UTF-16BE",
    "gb2312",
    "gbk",
    "gb18030",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "big5",
    "ISO_8859-5",
    "cp866",
    "utf_32",
]


@pytest.mark.parametrize("charset", CHARSETS)
def test_description_is_decoded_in_the_charset_of_its_part(api: Api, charset: str) -> None:
    text = "Прошло 7" if charset != "big5" else "七秒"

    response = post(
        api, IMAGE, describe(text.encode(charset), f"\r\nContent-Type: text/plain; charset={charset}".encode())
    )

    assert (response.status_code, response.json().get("description")) == (202, text), response.text


@pytest.mark.parametrize(
    "content_type", ['text/plain;Charset="windows-1251"', "text/plain; format=flowed; charset = CP1251"]
)
def test_charset_is_read_from_any_form_of_the_header(api: Api, content_type: str) -> None:
    response = post(api, IMAGE, describe("да".encode("cp1251"), f"\r\ncontent-type: {content_type}".encode()))

    assert response.json()["description"] == "да"


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("x-mac-cyrillic", "mac-cyrillic"), ("x-sjis", "shift_jis"), ("windows-31j", "cp932"), ("x-cp1251", "cp1251")],
)
def test_charset_may_have_the_name_that_browsers_use(api: Api, charset: str, codec: str) -> None:
    text = describe("да".encode(codec), f"\r\nContent-Type: text/plain; charset={charset}".encode())

    assert post(api, IMAGE, text).json()["description"] == "да"


@pytest.mark.parametrize("charset", ["windows-1251", "KOI8-R", ""])
def test_description_is_decoded_in_the_charset_of_the_form(api: Api, charset: str) -> None:
    field = b'--limit\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n%s\r\n' % charset.encode()

    response = post(api, IMAGE, field, describe("да".encode(charset or "utf-8")))

    assert (response.status_code, response.json().get("description")) == (202, "да"), response.text


def test_charset_of_the_part_precedes_that_of_the_form(api: Api) -> None:
    text = describe("да".encode("cp1251"), b"\r\nContent-Type: text/plain; charset=windows-1251")
    charset = b'--limit\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\nUTF-8\r\n'

    assert post(api, IMAGE, text, charset).json()["description"] == "да"


@pytest.mark.parametrize(
    ("header", "field", "codec"), [("koi8-r", "", "koi8-r"), ("utf-8", "windows-1251", "cp1251"), ("", "", "utf-8")]
)
def test_charset_of_the_content_type_is_the_last_choice(api: Api, header: str, field: str, codec: str) -> None:
    charset = b'--limit\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n%s\r\n' % field.encode()
    content = b"".join([IMAGE, charset, describe("да".encode(codec)), END])
    content_type = f"multipart/form-data; charset={header}; boundary=limit"

    response = api.client.post("/api/images", content=content, headers={"Content-Type": content_type})

    assert (response.status_code, response.json().get("description")) == (202, "да"), response.text


def test_unknown_charset_of_the_content_type_is_named(api: Api) -> None:
    content_type = "multipart/form-data; charset=x-unknown; boundary=limit"
    content = b"".join([IMAGE, describe(b"x"), END])

    response = api.client.post("/api/images", content=content, headers={"Content-Type": content_type})

    assert response.json()["detail"] == "description: has the unknown charset 'x-unknown'; send UTF-8"


def test_latin_1_is_read_as_windows_1252(api: Api) -> None:
    response = post(api, IMAGE, describe(b"5 \x80 caf\xe9", b"\r\nContent-Type: text/plain; charset=ISO-8859-1"))

    assert response.json()["description"] == "5 € café"


@pytest.mark.parametrize(
    "charset",
    [
        "x-unknown",
        "utf-7",
        "idna",
        "punycode",
        "unicode_escape",
        "raw_unicode_escape",
        "rot13",
        "base64",
        "zlib",
        "a\0b",
    ],
)
def test_unknown_charset_returns_422_with_its_name(api: Api, charset: str) -> None:
    response = post(api, IMAGE, describe(b"seven", f'\r\nContent-Type: text/plain; charset="{charset}"'.encode()))

    assert problem(response) == (422, "invalid-request")
    assert response.json()["detail"] == f"description: has the unknown charset {charset!r}; send UTF-8"


@pytest.mark.parametrize(
    ("charset", "content"), [("windows-1251", b"\x98"), ("us-ascii", "да".encode()), ("utf-16", b"\xd8\x00x")]
)
def test_text_that_is_invalid_in_its_charset_returns_422_with_its_name(api: Api, charset: str, content: bytes) -> None:
    response = post(api, IMAGE, describe(content, f"\r\nContent-Type: text/plain; charset={charset}".encode()))

    assert problem(response) == (422, "invalid-request")
    assert response.json()["detail"] == f"description: is not valid '{charset}'"


def test_undecodable_fields_are_reported_in_a_fixed_order(api: Api) -> None:
    names = ["labels", "camera", "captured_at", "description"]
    parts = [b'--limit\r\nContent-Disposition: form-data; name="%b"\r\n\r\n\xff\r\n' % name.encode() for name in names]

    response = post(api, IMAGE, *parts)

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == names[::-1]


def test_overlong_form_charset_returns_422(api: Api) -> None:
    charset = b'--limit\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n%s\r\n' % (b"x" * 1000)

    response = post(api, IMAGE, charset, describe(b"seven"))

    assert problem(response) == (422, "invalid-request")
    assert response.json()["detail"] == "_charset_: exceeds the limit of 64 bytes"


@pytest.mark.parametrize(
    ("charset", "bom"), [("utf-8", b"\xef\xbb\xbf"), ("utf-16le", b"\xff\xfe"), ("utf-16be", b"\xfe\xff")]
)
def test_byte_order_mark_is_not_part_of_the_description(api: Api, charset: str, bom: bytes) -> None:
    text = describe(bom + "x\ufeffy".encode(charset), f"\r\nContent-Type: text/plain; charset={charset}".encode())

    assert post(api, IMAGE, text).json()["description"] == "x\ufeffy"


@pytest.mark.parametrize(
    "text",
    [
        "\u200b\u200d\ufeff",
        "\u00ad",
        "\u2800 \u3164",
        "\u202e\u202c",
        "\u2066\u2069\n",
        "\x1b\x07",
        "\x85",
        "\u180e",
        "\u115f\u1160",
        "\ufe0f",
        "\U000e0041",
        "\u2028\u2029",
        "\u034f",
        "\ufff9\ufffb",
    ],
)
def test_description_of_invisible_characters_is_blank(api: Api, text: str) -> None:
    response = post(api, IMAGE, describe(text.encode()))

    assert problem(response) == (422, "invalid-request")
    assert response.json()["detail"] == "description: must not be blank"


@pytest.mark.parametrize("text", ["\u0301", ".", "\u06dd", "\u0600", "\ue000", "\u2801", "\u200bx", "🚦", "\U0010ffff"])
def test_description_with_a_visible_character_is_accepted(api: Api, text: str) -> None:
    response = post(api, IMAGE, describe(text.encode()))

    assert (response.status_code, response.json().get("description")) == (202, text)


@pytest.mark.parametrize("encoding", ["base64", "BASE64", "quoted-printable", "8bit", "7bit", "binary"])
def test_transfer_encoding_of_parts_is_undone(own_api: Api, encoding: str) -> None:
    encode = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(encoding.lower(), bytes)
    header = f"\r\nContent-Transfer-Encoding: {encoding}".encode()
    image = IMAGE.replace(b"\r\n\r\n" + PHOTO, header + b"\r\n\r\n" + encode(PHOTO))

    response = post(own_api, image, describe(encode("Прошло 7 секунд".encode()).rstrip(b"\n"), header))

    assert (response.status_code, response.json().get("description")) == (202, "Прошло 7 секунд"), response.text
    own_api.caption()
    own_api.store()
    stored = own_api.client.get(f"/api/images/{response.json()['id']}")
    assert stored.content == PHOTO


@pytest.mark.parametrize(
    ("encoding", "content", "detail"),
    [
        ("uuencode", b"x", "has the unknown Content-Transfer-Encoding 'uuencode'; send it as binary"),
        ("base64", b"abcde", "is not valid base64"),
        ("base64", b"0L_QsA==", "is not valid base64; use + and / in place of - and _"),
    ],
)
def test_invalid_transfer_encoding_returns_422(api: Api, encoding: str, content: bytes, detail: str) -> None:
    response = post(api, IMAGE, describe(content, f"\r\nContent-Transfer-Encoding: {encoding}".encode()))

    assert problem(response) == (422, "invalid-request")
    assert response.json()["detail"] == f"description: {detail}"


def test_form_with_line_feeds_alone_is_read(api: Api) -> None:
    content = b"".join([IMAGE, describe(b"seven"), END]).replace(b"\r\n", b"\n")

    response = api.client.post(
        "/api/images", content=content, headers={"Content-Type": "Multipart/Form-Data; Boundary=limit"}
    )

    assert (response.status_code, response.json().get("description")) == (202, "seven"), response.text


@pytest.mark.parametrize("boundary", ['"limit"', "--limit", '"--limit"', "limit; charset=UTF-8", " limit ; x"])
def test_boundary_may_be_quoted_or_contain_the_dashes(api: Api, boundary: str) -> None:
    content = b"".join([IMAGE, describe(b"seven"), END])

    response = api.client.post(
        "/api/images", content=content, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )

    assert response.status_code == 202, response.text


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data;"]
)
def test_missing_boundary_is_named(api: Api, content_type: str) -> None:
    response = api.client.post("/api/images", content=IMAGE + END, headers={"Content-Type": content_type})

    assert problem(response) == (400, "not-multipart")
    assert "The Content-Type header has no boundary" in response.json()["detail"]


def test_further_pictures_are_skipped_up_to_the_limit_of_the_image(api: Api) -> None:
    body, headers = form([("scene", bytes(MAX_UPLOAD_BYTES)), ("image", PHOTO), ("description", b"x")])

    response = api.client.post("/api/images", content=body, headers=headers)

    assert response.status_code == 202, response.text


@pytest.mark.parametrize("names", [("scene",), ("plate", "scene"), ("plate", "scene.jpg\u202e")])
def test_further_pictures_over_the_limit_return_413_with_the_part_and_the_limit(
    api: Api, names: tuple[str, ...]
) -> None:
    size = MAX_UPLOAD_BYTES // len(names) + 1
    body, headers = form([("image", PHOTO), ("description", b"x"), *((name, bytes(size)) for name in names)])

    response = api.client.post("/api/images", content=body, headers=headers)

    assert problem(response) == (413, "too-large")
    assert response.json()["detail"] == (
        f"The parts besides `image` and its fields exceed the limit of {MAX_UPLOAD_BYTES} bytes in {names[-1]!r}."
    )


def test_too_many_parts_return_413_with_the_limit(api: Api) -> None:
    body, headers = form([("x", b"y")] * 100)

    response = api.client.post("/api/images", content=body, headers=headers)

    assert problem(response) == (413, "too-large")
    assert response.json()["detail"] == "The form has more than 64 parts."


def test_too_long_part_headers_return_413_with_the_limit(api: Api) -> None:
    response = post(api, IMAGE, b"--limit\r\nX: ", b"y" * 10_000, b"\r\n\r\n\r\n")

    assert problem(response) == (413, "too-large")
    assert response.json()["detail"] == "The headers of part 2 exceed 8192 bytes."


def test_too_long_boundary_returns_413_with_the_limit(api: Api) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={'x' * 257}"}

    response = api.client.post("/api/images", content=b"x" * 1000, headers=headers)

    assert problem(response) == (413, "too-large")
    assert response.json()["detail"] == "The boundary exceeds 256 bytes."
