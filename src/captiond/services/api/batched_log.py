"""Writes what many requests say at the same moment into the log at once: a line's price is its locks and its writes."""

import asyncio
import logging


class BatchedLog:
    """Gathers lines until the event loop has run what is ready now; whatever kills the process takes those along."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lines: list[str] = []

    def info(self, line: str) -> None:
        """Add a line."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(line)

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        self._logger.info("\n".join(lines))
