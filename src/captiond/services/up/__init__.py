"""The whole pipeline on this machine, no server needed."""

from captiond.services.up.stack import ChildGivesUp, DataDirectoryBusy, ServerDoesNotStart, Stack, StackOptions

__all__ = ["ChildGivesUp", "DataDirectoryBusy", "ServerDoesNotStart", "Stack", "StackOptions"]
