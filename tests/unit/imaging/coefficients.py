"""The quantised coefficients of a JPEG, and the same coefficients with other Huffman tables."""

from dataclasses import replace
from itertools import islice

from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.huffman import STANDARD_AC
from captiond.imaging.jpeg.mcu_layout import deinterleave_row
from captiond.imaging.jpeg.scan import find_scan
from captiond.imaging.jpeg.scan_reader import Block, read_scan
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.jpeg.segments import DHT, DQT, DRI, SOS, segment_bytes

# All symbols with codes of one length, as different from the standard tables as possible.
FLAT_DC = bytes([0, 0, 0, 12]) + bytes(12) + bytes(range(12))
FLAT_AC = bytes(7) + bytes([162]) + bytes(8) + bytes(sorted(STANDARD_AC[0][16:]))


def binary_codes(table: bytes) -> dict[int, str]:
    """The code words of a Huffman table in binary (T.81 annex C.2)."""
    codes: dict[int, str] = {}
    symbols = iter(table[16:])
    word = 0
    for bits, count in enumerate(table[:16], 1):
        for symbol in islice(symbols, count):
            codes[symbol] = f"{word:0{bits}b}"
            word += 1
        word <<= 1
    return codes


def read_blocks(jpeg: bytes) -> list[Block]:
    """All blocks in the order of the scan."""
    reading = read_scan(jpeg, read_header(jpeg), 0)
    assert reading.tail is not None
    return reading.tail.blocks


def read_planes(jpeg: bytes) -> list[list[list[Block]]]:
    """The rows of blocks of each component."""
    header = read_header(jpeg)
    blocks = read_blocks(jpeg)
    per_row = len(blocks) // header.mcus * header.mcus_across
    planes: list[list[list[Block]]] = [[] for _ in header.components]
    for start in range(0, len(blocks), per_row):
        row = deinterleave_row(blocks[start : start + per_row], header)
        for plane, blocks_of_row, component in zip(planes, row, header.components, strict=True):
            width = header.mcus_across * component.across
            plane += [blocks_of_row[at : at + width] for at in range(0, len(blocks_of_row), width)]
    return planes


def recode(jpeg: bytes, *, interval: int = 0, dc: bytes = FLAT_DC, ac: bytes = FLAT_AC) -> bytes:
    """The same image with other Huffman tables for all components, and another restart interval."""
    header = read_header(jpeg)
    scan = find_scan(jpeg, header)
    writer = ScanWriter([replace(component, dc=dc, ac=ac) for component in header.components], interval)
    writer.write(read_blocks(jpeg))
    others = [s for s in header.segments if s.marker not in (DHT, DRI, SOS)]
    tables = b"".join(bytes([kind]) + table for kind, table in ((0, dc), (1, dc), (0x10, ac), (0x11, ac)))
    head = b"".join(segment_bytes(s.marker, s.body) for s in others) + segment_bytes(DHT, tables)
    head += segment_bytes(DRI, interval.to_bytes(2, "big")) if interval else b""
    return jpeg[:2] + head + segment_bytes(SOS, header.segments[-1].body) + writer.finish() + jpeg[scan.end :]


def widen_tables(jpeg: bytes) -> bytes:
    """The same image with 16-bit quantisation tables."""
    segments = []
    header = read_header(jpeg)
    for segment in header.segments:
        body = segment.body
        if segment.marker == DQT:
            entries = b"".join(bytes([0, entry]) for entry in body[1:])
            body = bytes([0x10 | body[0]]) + entries
        segments.append(segment_bytes(segment.marker, body))
    return jpeg[:2] + b"".join(segments) + jpeg[header.scan_start :]
