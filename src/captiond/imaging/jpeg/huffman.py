"""Huffman tables of JPEG (T.81 annexes C, F and K.3).

A table is held as in a DHT segment: 16 counts of codes by length, then the symbols (B.2.4.2).
"""

from captiond.imaging.errors import MalformedJpeg

MAX_CODE_BITS = 16
MAX_DC_SIZE = 11  # bits of a DC difference, F.1.2.1
MAX_DECODED_SIZE = 15  # bits of a difference or coefficient that decoders accept, beyond those of 8-bit samples
END_OF_BLOCK = 0x00  # F.1.2.2.1

STANDARD_DC = (
    bytes.fromhex("00010501010101010100000000000000000102030405060708090a0b"),
    bytes.fromhex("00030101010101010101010000000000000102030405060708090a0b"),
)
"""Luma and chroma: tables K.3 and K.4."""

STANDARD_AC = (
    bytes.fromhex(
        "0002010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f0"
        "2433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a63646566676869"
        "6a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5"
        "c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
    ),
    bytes.fromhex(
        "00020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c109233352f0"
        "156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768"
        "696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3"
        "c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
    ),
)
"""Luma and chroma: tables K.5 and K.6."""

IMPLIED_TABLES = {0: STANDARD_DC[0], 1: STANDARD_DC[1], 0x10: STANDARD_AC[0], 0x11: STANDARD_AC[1]}
"""The tables that decoders assume where a sequential file defines none, by class and identifier (B.2.4.2).

Frames of Motion JPEG lack all of them, or those of chroma.
"""


def require_prefix_code(table: bytes) -> None:
    """Raise MalformedJpeg unless the codes are a prefix code without a code of all ones, which annex C reserves."""
    word = 0
    for length, count in enumerate(table[:MAX_CODE_BITS], 1):
        word += count
        if count and word >> length:
            raise MalformedJpeg("oversubscribed Huffman table")
        word <<= 1
