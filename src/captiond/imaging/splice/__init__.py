"""Appends a strip to a JPEG without decoding the photo, and restores the upload."""
