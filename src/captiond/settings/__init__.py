"""The settings of all services and commands."""

from captiond.settings.model import (
    PREFIX,
    REFERENCE,
    RUNNING_STACK,
    ConfigurationError,
    Settings,
    config_file,
    load_settings,
    unknown_variables,
)

__all__ = [
    "PREFIX",
    "REFERENCE",
    "RUNNING_STACK",
    "ConfigurationError",
    "Settings",
    "config_file",
    "load_settings",
    "unknown_variables",
]
