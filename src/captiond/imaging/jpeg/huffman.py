"""Huffman tables as JPEG defines them (T.81 annexes C, F and K.3)."""

from functools import lru_cache

from captiond.imaging.errors import NotSpliceable

LENGTHS = 16
MAX_DC_SIZE = 11  # bits of a difference, F.1.2.1
_END_OF_BLOCK = 0x00  # F.1.2.2.1
_REMEMBERED = 64  # a camera uses the same few tables in all its photos

STANDARD_DC = (
    bytes.fromhex("00010501010101010100000000000000000102030405060708090a0b"),
    bytes.fromhex("00030101010101010101010000000000000102030405060708090a0b"),
)
"""Luma and chroma, tables K.3 and K.4: 16 counts, then the symbols."""

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
"""Luma and chroma, tables K.5 and K.6."""


@lru_cache(_REMEMBERED)
def code_words(definition: bytes) -> dict[int, str]:
    """Symbol -> code word in binary (annex C.2); raises NotSpliceable unless they are a prefix code.

    No word may be all ones, so that padding is never taken for one.
    """
    words: dict[int, str] = {}
    symbols = iter(definition[LENGTHS:])
    code = 0
    for bits in range(1, LENGTHS + 1):
        for _ in range(definition[bits - 1]):
            words[next(symbols)] = f"{code:0{bits}b}"
            code += 1
            if code >> bits:
                raise NotSpliceable("a Huffman table is overfull")
        code <<= 1
    return words


def end_of_block(definition: bytes) -> str:
    """The code word that says that all further AC coefficients are zero; raises NotSpliceable."""
    words = code_words(definition)
    if _END_OF_BLOCK not in words:
        raise NotSpliceable("its Huffman tables lack an end of block")
    return words[_END_OF_BLOCK]
