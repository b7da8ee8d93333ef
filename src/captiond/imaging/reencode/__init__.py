"""Captions by decoding and encoding, for JPEGs that cannot be spliced."""
