"""Lays out and draws the caption: segmentation, fonts, shaping, lines and the strip."""
