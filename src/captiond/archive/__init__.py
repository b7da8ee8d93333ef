"""The archive: captioned images as files, with one SQL row each. Does not import imaging, queues or HTTP."""

from captiond.archive.archive import Archive
from captiond.archive.audit import AuditEntry, AuditQuery, AuditStore
from captiond.archive.errors import (
    ArchiveUnavailable,
    FileAltered,
    RecordRejected,
    SchemaMismatch,
    SearchBusy,
    SearchTimeout,
    UnusableDatabase,
    WrongImagesDirectory,
)
from captiond.archive.records import Neighbours, PageQuery, Record, StoredImage
from captiond.archive.schema import DatabaseVersion, migrate
from captiond.archive.sql.engine import sqlite_url
from captiond.archive.sql.limits import API_LIMITS, WORKER_LIMITS, TimeLimits
from captiond.archive.verify import Finding

__all__ = [
    "API_LIMITS",
    "WORKER_LIMITS",
    "Archive",
    "ArchiveUnavailable",
    "AuditEntry",
    "AuditQuery",
    "AuditStore",
    "DatabaseVersion",
    "FileAltered",
    "Finding",
    "Neighbours",
    "PageQuery",
    "Record",
    "RecordRejected",
    "SchemaMismatch",
    "SearchBusy",
    "SearchTimeout",
    "StoredImage",
    "TimeLimits",
    "UnusableDatabase",
    "WrongImagesDirectory",
    "migrate",
    "sqlite_url",
]
