"""captiond's captioner as a function."""

from collections.abc import Sequence

from benchmarks.captioners.pillow import Caption

from captiond.imaging import Captioner, Style


def caption_with_captiond(files: Sequence[bytes], *, reencodes: bool = False) -> Caption:
    """Return a new captioner with empty caches. Exits unless it splices, or re-encodes, every file."""
    captioner = Captioner(Style())
    for jpeg in files:
        reason = captioner.add_caption(jpeg, "-").reencode_reason
        if (reason is not None) != reencodes:
            raise SystemExit(f"expected {'re-encoding' if reencodes else 'splicing'}: {reason}")
    return lambda jpeg, text: captioner.add_caption(jpeg, text).jpeg
