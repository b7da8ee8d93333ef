"""The limit of open file descriptors: each connection needs one."""

import logging
import resource

# For the listener, log files, Redis, the database and image files.
RESERVED = 256

logger = logging.getLogger(__name__)


def raise_descriptor_limit(max_connections: int) -> int:
    """Raise the soft limit of this process as far as needed and possible; return how many connections fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_connections + RESERVED
    possible = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < possible:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    if possible == needed:
        return max_connections
    fitting = max(possible - RESERVED, possible // 2)
    logger.warning(
        "CAPTIOND_MAX_CONNECTIONS: the limit of open files is too low for %d, using %d; raise ulimit -Hn to %d",
        max_connections,
        fitting,
        needed,
    )
    return fitting
