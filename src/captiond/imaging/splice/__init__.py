"""Joins a strip to a JPEG without re-encoding the photo, and restores the upload."""
