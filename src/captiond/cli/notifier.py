"""`captiond notifier`: runs the notifier."""

from captiond.cli.options import Quiet
from captiond.settings import load_settings
from captiond.wiring.notifier import run_notifier


def notifier(quiet: Quiet = False) -> None:
    """Run the notifier, which sends events of images to webhooks."""
    run_notifier(load_settings(), quiet=quiet)
