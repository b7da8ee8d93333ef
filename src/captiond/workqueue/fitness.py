"""Whether a server is fit to keep a queue: what it must be, and must be set to, so that nothing is lost."""

import re

from captiond.workqueue.monitor import Monitor

OLDEST_REDIS = (6, 2)


def shortcomings(monitor: Monitor, *, fsync: bool) -> list[str]:
    """Say in words what is wrong with the server; `fsync` demands that every write is synced before its reply.

    A setting that a managed service hides is taken on trust. Raises QueueUnavailable.
    """
    found = [_version(str(monitor.server_info().get("redis_version", "")))]
    policy = monitor.server_setting("maxmemory-policy")
    if policy not in {None, "noeviction"}:
        found.append(f"maxmemory-policy is {policy}: it would drop queued images; set it to noeviction")
    if fsync:
        found.append(_append_only(monitor))
    return [shortcoming for shortcoming in found if shortcoming]


def _version(text: str) -> str | None:
    version = tuple(map(int, re.findall(r"\d+", text)[:2]))
    return f"Redis {text} is too old; at least 6.2 is needed" if version < OLDEST_REDIS else None


def _append_only(monitor: Monitor) -> str | None:
    if monitor.server_setting("appendonly") == "no":
        return "appendonly is off: a restart would lose queued images; set appendonly yes and appendfsync always"
    policy = monitor.server_setting("appendfsync")
    if policy not in {None, "always"}:
        return f"appendfsync is {policy}: a power cut would lose accepted images; set it to always, or DURABILITY=fast"
    return None
