"""`captiond ftp`: runs the FTP service."""

from captiond.cli.options import Host, Port, Quiet
from captiond.settings import load_settings
from captiond.wiring.ftp import run_ftp


def ftp(host: Host = "127.0.0.1", port: Port = 2121, quiet: Quiet = False) -> None:
    """Run the FTP service, which receives images from cameras."""
    run_ftp(load_settings(), host, port, quiet=quiet)
