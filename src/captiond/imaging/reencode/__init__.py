"""Captions a photo by decoding and re-encoding it, if it cannot be spliced."""
