"""`captiond archiver`: runs the archiver."""

from captiond.cli.options import Quiet
from captiond.settings import load_settings
from captiond.wiring.archiver import run_archiver


def archiver(quiet: Quiet = False) -> None:
    """Run the archiver, which stores captioned images."""
    run_archiver(load_settings(), quiet=quiet)
