"""`captiond api`: runs the HTTP API."""

from captiond.cli.options import Host, Port, Quiet
from captiond.settings import resolve
from captiond.wiring.api import run_api


def api(host: Host = "127.0.0.1", port: Port = 8000, quiet: Quiet = False) -> None:
    """Run the HTTP API."""
    run_api(resolve(), host, port, quiet=quiet)
