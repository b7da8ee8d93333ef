"""Draws the strip of a caption before an image is uploaded."""
