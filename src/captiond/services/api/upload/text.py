"""Decodes the texts of a form, and validates the description."""

import binascii
import re
from encodings.aliases import aliases
from unicodedata import normalize

from captiond.image import MAX_DESCRIPTION_CHARACTERS
from captiond.operations.description import is_blank

# Python's names of the codecs. It has others that are no charsets, such as unicode_escape.
_CHARSETS = frozenset(
    (
        *("utf_8", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "ascii", "latin_1"),
        *(f"iso8859_{part}" for part in (*range(2, 12), *range(13, 17))),
        *(f"cp{page}" for page in (*range(1250, 1259), 437, 850, 852, 855, 866, 874, 932, 949, 950)),
        *("koi8_r", "koi8_u", "kz1048", "ptcp154", "mac_cyrillic", "mac_roman", "tis_620"),
        *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "shift_jis", "euc_jp", "iso2022_jp", "euc_kr", "johab"),
    )
)
# As in the WHATWG Encoding Standard, these stand for their supersets.
_SUPERSETS = {
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_LABELS = {
    **aliases,
    **{name: name for name in _CHARSETS},
    "windows_874": "cp874",
    "x_mac_cyrillic": "mac_cyrillic",
    "x_sjis": "shift_jis",
    "windows_31j": "cp932",
    **{f"x_cp{page}": f"cp{page}" for page in range(1250, 1259)},
}
# By label. `codecs.lookup` caches every unknown label forever.
_CODECS = {label: _SUPERSETS.get(codec, codec) for label, codec in _LABELS.items() if codec in _CHARSETS}
_URL_SAFE = re.compile(rb"[-_]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_IDENTITY_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})


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
    if _URL_SAFE.search(content):  # the decoder would skip them
        raise InvalidText("is not valid base64; use + and / in place of - and _")
    try:
        return binascii.a2b_base64(content)
    except binascii.Error as error:
        raise InvalidText("is not valid base64") from error


def check_description(text: str) -> str:
    """Convert to NFC with lines that end with LF, and validate. Raises InvalidText."""
    # Browsers send a line break as CRLF; clients on Windows start with a byte order mark.
    text = normalize("NFC", text.removeprefix("\ufeff").replace("\r\n", "\n"))
    if is_blank(text):
        raise InvalidText("must not be blank")
    if len(text) > MAX_DESCRIPTION_CHARACTERS:
        raise InvalidText(f"has {len(text)} characters; the limit is {MAX_DESCRIPTION_CHARACTERS}")
    return require_storable(text)


def require_storable(text: str) -> str:
    """Raise InvalidText for characters that databases cannot store: U+0000, and lone surrogates, as JSON may have."""
    if _UNSTORABLE.search(text):
        raise InvalidText("must not contain U+0000 or lone surrogates")
    return text


def decode_text(content: bytes, charset: str) -> str:
    """Decode; the default charset is UTF-8. Raises InvalidText."""
    if not charset:
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise InvalidText("must be UTF-8") from error
    codec = _CODECS.get(re.sub("[^a-z0-9.]+", "_", charset.lower()))
    if codec is None:
        raise InvalidText(f"has the unknown charset {charset[:64]!r}; send UTF-8")
    try:
        return content.decode(codec)
    except UnicodeDecodeError as error:
        raise InvalidText(f"is not valid {charset[:64]!r}") from error
