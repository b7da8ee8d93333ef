"""Appends a strip to each scan of a progressive photo (T.81 annex G).

Each scan keeps its bits, except those of a partial last MCU row, which photo and strip share.
"""

from array import array
from collections.abc import Callable, Sequence
from functools import partial

from PIL import Image

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.damage import read_progressive
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.mcu_layout import encode_mcus
from captiond.imaging.jpeg.native import Build, default_build, is_native
from captiond.imaging.jpeg.progressive_rows import Rows
from captiond.imaging.jpeg.progressive_scan import BLOCK_COEFFICIENTS, Keeper, KeptScan
from captiond.imaging.jpeg.scan_reader import Block
from captiond.imaging.limits import MAX_SIDE_PX
from captiond.imaging.splice.approximation import require_legible
from captiond.imaging.splice.progressive_scan_end import encode_scan_end
from captiond.imaging.splice.restore import Change, Edit, make_patch
from captiond.imaging.splice.seam_row import encode_seam_row
from captiond.imaging.splice.splice import Spliced

_NOT_CODED = -1


def splice_progressive(
    jpeg: bytes,
    header: Header,
    draw: Callable[[int], Image.Image],
    digest: bytes | None = None,
    build: Build | None = None,
) -> Spliced:
    """Append the strip (mode L or RGB) that `draw` returns for the photo's width.

    Decodes all scans. Without `build`, the compiled build is required. `digest` is the SHA-256 of the file, if the
    caller has it. Raises NotSpliceable, and JpegError also for damage.
    """
    if not build and not is_native():
        raise NotSpliceable(
            "progressive photo, too slow for the interpreted decoder; install captiond with a C compiler"
        )
    build = build or default_build()
    if header.mcus_across * header.mcu_width_px > MAX_SIDE_PX:
        raise NotSpliceable("photo too wide")
    keeper = read_progressive(jpeg, header, Rows(header, header.height_px), build)
    _require_complete(keeper.scans, len(header.components))
    strip = draw(header.width_px)
    height_px = header.height_px + strip.height
    if height_px > MAX_SIDE_PX:
        raise NotSpliceable("captioned image too high")
    padding_px = -header.height_px % header.mcu_height_px
    seam = encode_seam_row(build.pack_blocks(keeper.coefficients), strip, header) if padding_px else []
    rest = strip.crop((0, padding_px, strip.width, max(strip.height, padding_px)))
    blocks = seam + encode_mcus(rest, header)
    edits = _encode_scans(jpeg, keeper, Rows(header, height_px), blocks, build)
    last = edits.pop()
    change = Change(height_px, b"", last.start, last.new, last.end, earlier=tuple(edits))
    return Spliced(make_patch(jpeg, header, change, digest), header.width_px, height_px, None)


def _encode_scans(jpeg: bytes, keeper: Keeper, rows: Rows, blocks: list[Block], build: Build) -> list[Edit]:
    """The edits that append the blocks to all scans, in file order."""
    coefficients = array("i", bytes(4 * BLOCK_COEFFICIENTS * len(blocks)))
    lasts = build.unpack_blocks(blocks, coefficients)
    wanted = coefficients[:]
    begin = partial(build.progressive_encoder, coefficients, lasts)
    ends = [encode_scan_end(jpeg, scan, rows, begin) for scan in keeper.scans]
    if not all(end.is_exact for end in ends):
        inked = [block for block, last in enumerate(lasts) if last]
        require_legible(wanted, coefficients, rows.components, inked, keeper.rows.blocks)
    return [edit for end in ends for edit in end.edits]


def _require_complete(scans: Sequence[KeptScan], components: int) -> None:
    """Raise NotSpliceable unless the scans contain each bit of each coefficient exactly once (G.1.1.1)."""
    lowest = [[_NOT_CODED] * BLOCK_COEFFICIENTS for _ in range(components)]
    for kept in scans:
        scan = kept.scan
        band = slice(scan.first, scan.last + 1)
        before = scan.high or _NOT_CODED
        for component in scan.components:
            is_next = {*lowest[component][band]} == {before} and (not scan.high or scan.low == scan.high - 1)
            if not is_next:
                raise NotSpliceable("progressive scans out of order")
            lowest[component][band] = [scan.low] * (scan.last + 1 - scan.first)
    if any(map(any, lowest)):
        raise NotSpliceable("incomplete progressive photo")
