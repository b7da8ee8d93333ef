"""The colour space of a JPEG, which markers and component identifiers tell."""

from collections.abc import Sequence

from captiond.imaging.errors import UnsupportedJpeg
from captiond.imaging.jpeg.segments import APP0, APP14, Segment

GREY, COLOUR, CMYK = 1, 3, 4
"""Numbers of components."""
BLACK = (0, 128, 128)
"""Black in YCbCr; in a grey photo, its first sample."""

MIN_JFIF_BYTES, MIN_ADOBE_BYTES = 14, 12
"""libjpeg ignores shorter segments."""
_YCBCR_IDS = frozenset({b"\1\2\3", b"\0\1\2"})
_YCBCR_TRANSFORMS = frozenset({b"\1", b"\2"})  # 2 is YCCK, but stands for YCbCr in a file of three components
_CMYK_BLACKS = {b"\0": (255, 255, 255, 0), b"\2": (0, 128, 128, 0)}
"""Black by Adobe transform, in CMYK and in YCCK. Adobe stores inks inverted: 255 is none."""


def find_black(component_ids: bytes, segments: Sequence[Segment]) -> tuple[int, ...]:
    """The sample of each component that stands for black, in grey or in colours that decoders agree on.

    They take colours for YCbCr by the JFIF marker, the Adobe marker (Adobe Technical Note 5116) or the component
    identifiers, and four components for inverted CMYK or YCCK by the Adobe marker.
    """
    if len(component_ids) == GREY:
        return BLACK
    # Decoders disagree about a segment that is too short.
    transforms = {s.body[11:12] for s in segments if s.marker == APP14 and s.body.startswith(b"Adobe")}
    if len(component_ids) == CMYK:
        black = _CMYK_BLACKS.get(transforms.pop()) if len(transforms) == 1 else None
        if black is None:
            raise UnsupportedJpeg("CMYK without an Adobe marker")
        return black
    is_jfif = any(s.marker == APP0 and s.body.startswith(b"JFIF\0") and len(s.body) >= MIN_JFIF_BYTES for s in segments)
    is_known = is_jfif or transforms or component_ids in _YCBCR_IDS
    if not is_known or transforms - _YCBCR_TRANSFORMS:
        raise UnsupportedJpeg("colour space other than YCbCr")
    return BLACK
