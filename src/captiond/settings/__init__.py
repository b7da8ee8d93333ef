"""The settings of all services and commands, and where their values come from."""

from captiond.settings.errors import ConfigurationError, StackNotRunning
from captiond.settings.model import PREFIX, REFERENCE, Settings, absolute_url
from captiond.settings.shown import ShownSetting, show_settings
from captiond.settings.sources import Resolution, config_file, load_settings, require_value, resolve
from captiond.settings.stack import DATA_DIR, StackFolder, is_stack_file
from captiond.settings.unknown import find_unknown_variables

__all__ = [
    "DATA_DIR",
    "PREFIX",
    "REFERENCE",
    "ConfigurationError",
    "Resolution",
    "Settings",
    "ShownSetting",
    "StackFolder",
    "StackNotRunning",
    "absolute_url",
    "config_file",
    "find_unknown_variables",
    "is_stack_file",
    "load_settings",
    "require_value",
    "resolve",
    "show_settings",
]
