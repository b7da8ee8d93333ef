"""`captiond up`: runs the whole pipeline on one machine, with an embedded Valkey and SQLite."""

from captiond.services.up.stack import (
    ConfigurationRejected,
    DataDirectoryInUse,
    ServerNotResponding,
    Stack,
    StackOptions,
)

__all__ = ["ConfigurationRejected", "DataDirectoryInUse", "ServerNotResponding", "Stack", "StackOptions"]
