"""Fuzzes captioning."""
