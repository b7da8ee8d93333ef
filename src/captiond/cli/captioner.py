"""`captiond captioner`: runs a captioner."""

from captiond.cli.options import Quiet
from captiond.settings import load_settings
from captiond.wiring.captioner import run_captioner


def captioner(quiet: Quiet = False) -> None:
    """Run a captioner, which adds captions to queued images."""
    run_captioner(load_settings(), quiet=quiet)
