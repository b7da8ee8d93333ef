"""The startup check: version, settings and replicas that a server needs so that no message is lost."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from captiond.workqueue.admin.monitor import Monitor
from captiond.workqueue.errors import UnsafeServer

OLDEST_REDIS = (6, 2)


@dataclass(frozen=True, slots=True)
class ServerRequirements:
    """Durability requirements: fsync before every reply to a write, and a number of connected replicas."""

    fsync: bool = True
    replicas: int = 0


def find_server_problems(monitor: Monitor, requirements: ServerRequirements) -> list[str]:
    """Return one sentence per unmet requirement, with the fix. Raises QueueUnavailable.

    A setting that a managed service hides is assumed to be right.
    """
    info = monitor.server_info()
    found = [_version(str(info.get("redis_version", ""))), _replicas(info, requirements.replicas)]
    policy = monitor.server_setting("maxmemory-policy")
    if policy not in {None, "noeviction"}:
        found.append(f"maxmemory-policy is {policy}: Redis may evict queued images; set it to noeviction")
    if requirements.fsync:
        found.append(_append_only(monitor))
    return [problem for problem in found if problem]


def require_safe_server(monitor: Monitor, requirements: ServerRequirements) -> None:
    """Raise UnsafeServer for an unmet requirement, QueueUnavailable if the server does not answer."""
    if found := find_server_problems(monitor, requirements):
        raise UnsafeServer(found)


def _version(text: str) -> str | None:
    version = tuple(map(int, re.findall(r"\d+", text)[:2]))
    return f"Redis {text} is too old; install 6.2 or newer" if version < OLDEST_REDIS else None


def _replicas(info: Mapping[str, object], wanted: int) -> str | None:
    if not wanted:
        return None
    if info.get("role") != "master":
        return "the server is a replica, which is read-only; set the address of the primary"
    connected = int(str(info.get("connected_slaves", 0)))
    if connected < wanted:
        return f"{connected} of {wanted} replicas are connected; start more, or lower CAPTIOND_REPLICAS"
    return None


def _append_only(monitor: Monitor) -> str | None:
    if monitor.server_setting("appendonly") == "no":
        return "appendonly is no: a restart would lose queued images; set appendonly yes and appendfsync always"
    policy = monitor.server_setting("appendfsync")
    if policy not in {None, "always"}:
        return (
            f"appendfsync is {policy}: a power failure would lose accepted images; "
            "set it to always, or set CAPTIOND_DURABILITY=fast"
        )
    return None
