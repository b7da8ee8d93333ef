"""The archive: captioned images as files, with one SQL row each. Does not import imaging, queues or HTTP."""

from captiond.archive.archive import Archive
from captiond.archive.errors import ArchiveUnavailable, RecordRejected, WrongImagesDirectory
from captiond.archive.records import PageQuery, Record, StoredImage
from captiond.archive.schema import migrate
from captiond.archive.verify import Finding

__all__ = [
    "Archive",
    "ArchiveUnavailable",
    "Finding",
    "PageQuery",
    "Record",
    "RecordRejected",
    "StoredImage",
    "WrongImagesDirectory",
    "migrate",
]
