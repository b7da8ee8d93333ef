"""How a worker says that it is well: a file that it keeps fresh."""

import time
from pathlib import Path

STALE_AFTER_SECONDS = 30.0
WELL = "well"


class HealthFile:
    """One worker's own statement; `reason` is None when it is well."""

    def __init__(self, run_dir: Path, service: str) -> None:
        self._path = run_dir / f"{service}.alive"

    def report(self, reason: str | None) -> None:
        """Write the statement, in one step."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(reason or WELL, encoding="utf-8")
        fresh.replace(self._path)

    def complaint(self) -> str | None:
        """Say what is wrong, None when nothing is."""
        try:
            statement = self._path.read_text("utf-8")
            age_seconds = time.time() - self._path.stat().st_mtime
        except FileNotFoundError:
            return "it has not said a word yet"
        if age_seconds > STALE_AFTER_SECONDS:
            return f"it has not said a word for {age_seconds:.0f} s"
        return None if statement == WELL else statement
