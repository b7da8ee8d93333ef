"""`captiond watch`: uploads the JPEG files that appear in a directory.

tree, events        find files: a periodic scan, and events of the file system in between
loop                waits until each file is settled, and passes it to a worker
worker              photo + fields -> upload -> done/ or failed/
"""

from captiond.watch.fields import FieldReader, InvalidDescription, Sidecars
from captiond.watch.filing import Filing
from captiond.watch.folder import FolderInUse, UnusableFolder, WatchedFolder
from captiond.watch.loop import Timing, Watcher
from captiond.watch.tree import PhotoTree
from captiond.watch.worker import PhotoWorker

__all__ = [
    "FieldReader",
    "Filing",
    "FolderInUse",
    "InvalidDescription",
    "PhotoTree",
    "PhotoWorker",
    "Sidecars",
    "Timing",
    "UnusableFolder",
    "WatchedFolder",
    "Watcher",
]
