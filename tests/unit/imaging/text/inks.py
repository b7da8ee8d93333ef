"""The ink of a glyph run as one image."""

from PIL import Image

from captiond.imaging.text.glyph_run import GlyphRun, paint


def draw_ink(run: GlyphRun) -> Image.Image:
    """The ink of the run within its bounds (mode L)."""
    image = Image.new("L", (run.right_px - run.left_px, run.bottom_px - run.top_px))
    paint(image, [(0, run)], -run.left_px, -run.top_px)
    return image
