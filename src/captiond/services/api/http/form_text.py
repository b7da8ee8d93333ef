"""Decodes and validates the description of a form."""

import binascii
import codecs
from unicodedata import normalize

import regex  # type: ignore[import-untyped] # it has no types

MAX_DESCRIPTION_CHARACTERS = 200
# Python codecs by their names. As in the WHATWG Encoding Standard, some stand for their supersets.
_CODECS = {
    **{name: name for name in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "ascii")},
    **{name: name for name in (f"iso8859-{part}" for part in (*range(2, 9), 10, *range(13, 17)))},
    **{
        name: name
        for name in (f"cp{page}" for page in (*range(1250, 1259), 437, 850, 852, 855, 866, 874, 932, 949, 950))
    },
    **{name: name for name in ("koi8-r", "koi8-u", "kz1048", "ptcp154", "mac-cyrillic", "mac-roman")},
    **{name: name for name in ("gbk", "gb18030", "big5", "big5hkscs", "euc_jp", "iso2022_jp", "johab")},
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_IDENTITY_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})
# Characters with ink: neither space nor default ignorable (UAX #44), control or format character, nor the blank braille
# pattern. Some format characters enclose numbers, and have ink.
_VISIBLE = regex.compile(
    r"(?V1)[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]|\p{Prepended_Concatenation_Mark}"
)


class InvalidText(Exception):
    """The bytes are no valid description. The message is the detail of a FieldError."""


def decode_transfer(content: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding, which old clients send although RFC 7578 deprecates it. Raises InvalidText."""
    name = encoding.strip().lower()
    if name in _IDENTITY_ENCODINGS:
        return content
    if name == "quoted-printable":
        return binascii.a2b_qp(content)
    if name != "base64":
        raise InvalidText(f"has the unknown Content-Transfer-Encoding {name[:64]!r}; send it as binary")
    try:
        return binascii.a2b_base64(content)
    except binascii.Error as error:
        raise InvalidText("is not valid base64") from error


def decode_description(content: bytes, charset: str) -> str:
    """Decode, convert to NFC with lines that end with LF, and validate. The default charset is UTF-8.

    Raises InvalidText.
    """
    # Browsers send a line break as CRLF; clients on Windows start with a byte order mark.
    text = normalize("NFC", _decode(content, charset).removeprefix("\ufeff").replace("\r\n", "\n"))
    if not _VISIBLE.search(text):
        raise InvalidText("must not be blank")
    if len(text) > MAX_DESCRIPTION_CHARACTERS:
        raise InvalidText(f"has {len(text)} characters; the limit is {MAX_DESCRIPTION_CHARACTERS}")
    if "\0" in text:
        raise InvalidText("must not contain U+0000")
    return text


def _decode(content: bytes, charset: str) -> str:
    if not charset:
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise InvalidText("must be UTF-8") from error
    try:
        codec = _CODECS[codecs.lookup(charset.lower().replace("windows-", "cp")).name]
    except (LookupError, ValueError) as error:  # ValueError: a null character in the name
        raise InvalidText(f"has the unknown charset {charset[:64]!r}; send UTF-8") from error
    try:
        return content.decode(codec)
    except UnicodeDecodeError as error:
        raise InvalidText(f"is not valid {charset[:64]!r}") from error
