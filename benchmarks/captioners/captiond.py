"""captiond's captioner as a function."""

from collections.abc import Sequence

from benchmarks.captioners.pillow import Caption

from captiond.imaging import Captioner, Style


def caption_with_captiond(files: Sequence[bytes]) -> Caption:
    """Return a new captioner with empty caches. Exits unless it splices every file."""
    captioner = Captioner(Style())
    for jpeg in files:
        reason = captioner.add_caption(jpeg, "-").reencode_reason
        if reason is not None:
            raise SystemExit(f"expected splicing: {reason}")
    return lambda jpeg, text: captioner.add_caption(jpeg, text).jpeg
