"""CSV tables that spreadsheets open (RFC 4180)."""

import csv
import io
from collections.abc import Iterable

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # without it, Excel does not read UTF-8
# The web page has the same rule for the list of selected images, in `matches.js`.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralise(cell: str) -> str:
    """Put an apostrophe before a text that spreadsheets would run as a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def encode_row(cells: Iterable[str]) -> bytes:
    """Encode a line of a table, with its line end."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow([neutralise(cell) for cell in cells])
    return line.getvalue().encode()
