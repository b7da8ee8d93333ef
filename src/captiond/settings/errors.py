"""Errors of the configuration."""

from pathlib import Path


class ConfigurationError(Exception):
    """A setting, or the address to listen on, is invalid. The message names it, its value and the fix."""


class StackNotRunning(ConfigurationError):
    """A setting has no value, because the stack that would supply it is stopped."""

    def __init__(self, data_dir: Path, variable: str) -> None:
        super().__init__(f"the stack of {data_dir} is not running; start it or set {variable}")
