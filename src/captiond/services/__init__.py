"""The journey of an image, leg by leg."""
