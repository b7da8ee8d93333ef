"""Whether a server is fit to keep a queue: what it must be, and must be set to, so that nothing is lost."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from captiond.workqueue.admin.monitor import Monitor
from captiond.workqueue.errors import UnsafeServer

OLDEST_REDIS = (6, 2)


@dataclass(frozen=True, slots=True)
class ServerRequirements:
    """What is demanded of a server: every write synced before its reply, and so many replicas."""

    fsync: bool = True
    replicas: int = 0


def find_server_problems(monitor: Monitor, requirements: ServerRequirements) -> list[str]:
    """Say in words what is wrong with the server.

    A setting that a managed service hides is taken on trust. Raises QueueUnavailable.
    """
    info = monitor.server_info()
    found = [_version(str(info.get("redis_version", ""))), _replicas(info, requirements.replicas)]
    policy = monitor.server_setting("maxmemory-policy")
    if policy not in {None, "noeviction"}:
        found.append(f"maxmemory-policy is {policy}: it would drop queued images; set it to noeviction")
    if requirements.fsync:
        found.append(_append_only(monitor))
    return [problem for problem in found if problem]


def require_safe_server(monitor: Monitor, requirements: ServerRequirements) -> None:
    """Raise UnsafeServer where the server has find_server_problems, QueueUnavailable where it cannot be asked."""
    if found := find_server_problems(monitor, requirements):
        raise UnsafeServer(found)


def _version(text: str) -> str | None:
    version = tuple(map(int, re.findall(r"\d+", text)[:2]))
    return f"Redis {text} is too old; at least 6.2 is needed" if version < OLDEST_REDIS else None


def _replicas(info: Mapping[str, object], wanted: int) -> str | None:
    if not wanted:
        return None
    if info.get("role") != "master":
        return "it is a replica, and nothing can be written to one; name the primary"
    connected = int(str(info.get("connected_slaves", 0)))
    if connected < wanted:
        return f"{connected} replicas are connected, and {wanted} must have each upload; add some, or lower REPLICAS"
    return None


def _append_only(monitor: Monitor) -> str | None:
    if monitor.server_setting("appendonly") == "no":
        return "appendonly is off: a restart would lose queued images; set appendonly yes and appendfsync always"
    policy = monitor.server_setting("appendfsync")
    if policy not in {None, "always"}:
        return f"appendfsync is {policy}: a power cut would lose accepted images; set it to always, or DURABILITY=fast"
    return None
