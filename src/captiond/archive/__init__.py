"""The archive: captioned images as files, with one SQL row each. Does not import imaging, queues or HTTP."""

from captiond.archive.archive import Archive
from captiond.archive.audit import AuditEntry, AuditQuery, AuditStore
from captiond.archive.errors import (
    ArchiveUnavailable,
    FileAltered,
    RecordAltered,
    RecordRejected,
    SchemaMismatch,
    SearchBusy,
    SearchTimeout,
    UnusableDatabase,
    WrongImagesDirectory,
)
from captiond.archive.findings import Finding
from captiond.archive.records import Actor, Expired, ExpiredImage, Neighbours, PageQuery, Record, StoredImage, Tombstone
from captiond.archive.schema import DatabaseVersion, migrate, revert
from captiond.archive.seal_store import SealStore
from captiond.archive.seals import Proof, StoredSeal
from captiond.archive.sql.limits import API_LIMITS, WORKER_LIMITS, TimeLimits

__all__ = [
    "API_LIMITS",
    "WORKER_LIMITS",
    "Actor",
    "Archive",
    "ArchiveUnavailable",
    "AuditEntry",
    "AuditQuery",
    "AuditStore",
    "DatabaseVersion",
    "Expired",
    "ExpiredImage",
    "FileAltered",
    "Finding",
    "Neighbours",
    "PageQuery",
    "Proof",
    "Record",
    "RecordAltered",
    "RecordRejected",
    "SchemaMismatch",
    "SealStore",
    "SearchBusy",
    "SearchTimeout",
    "StoredImage",
    "StoredSeal",
    "TimeLimits",
    "Tombstone",
    "UnusableDatabase",
    "WrongImagesDirectory",
    "migrate",
    "revert",
]
