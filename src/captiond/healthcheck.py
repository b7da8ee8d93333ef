"""`captiond-healthcheck SERVICE` checks a service of this container. It runs often, so it imports little."""

import os
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from captiond.operations.heartbeat import STORAGE, Heartbeat

READY_URL = "http://127.0.0.1:8000/health/ready"
TIMEOUT_SECONDS = 5


def main() -> None:
    """Exit with status 0 if the service is healthy, else with status 1 and the problem on stderr."""
    match sys.argv[1:]:
        case ["api"]:
            problem = _api_problem()
        case [service] if run_dir := os.environ.get("CAPTIOND_RUN_DIR"):
            problem = Heartbeat(Path(run_dir), service).problem()
            if service == "archiver" and not problem:
                problem = Heartbeat(Path(run_dir), STORAGE).problem()
        case _:
            problem = (
                "usage: captiond-healthcheck api|captioner|archiver|notifier|ftp; all but api need CAPTIOND_RUN_DIR"
            )
    if problem:
        sys.exit(problem)


def _api_problem() -> str | None:
    try:
        # Docker may set the environment variables of a proxy in every container.
        with build_opener(ProxyHandler({})).open(READY_URL, timeout=TIMEOUT_SECONDS):
            return None
    except HTTPError as error:
        return error.read().decode(errors="replace")
    except (URLError, OSError) as error:
        return str(error)
