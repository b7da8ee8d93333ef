"""Exports of images as a ZIP archive or a directory. Does not use the archive, HTTP or SQL."""

from captiond.operations.export.directory import write_directory
from captiond.operations.export.images import (
    ExportImage,
    FileUnavailable,
    Folder,
    ImageDeleted,
    ImageSource,
    choose_folders,
)
from captiond.operations.export.zip_export import ZipExport

__all__ = [
    "ExportImage",
    "FileUnavailable",
    "Folder",
    "ImageDeleted",
    "ImageSource",
    "ZipExport",
    "choose_folders",
    "write_directory",
]
