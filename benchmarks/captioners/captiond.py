"""Our own way to put a caption under a JPEG, in the shape of the others'."""

from collections.abc import Sequence

from benchmarks.captioners.pillow import Caption

from captiond.imaging import Captioner, Style


def caption_with_captiond(files: Sequence[bytes], *, redraws: bool = False) -> Caption:
    """A captioner of its own: what another has drawn before must not help. Every file must be spliced, or reencoded."""
    captioner = Captioner(Style())
    for jpeg in files:
        reason = captioner.add_caption(jpeg, "-").reencode_reason
        if (reason is not None) != redraws:
            raise SystemExit(f"a file is not what its row says: {reason}")
    return lambda jpeg, text: captioner.add_caption(jpeg, text).jpeg
