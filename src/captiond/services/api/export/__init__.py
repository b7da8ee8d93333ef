"""Exports of the archive as ZIP archives."""
