"""Accepts the events that cameras push: pictures become images, and fields become labels."""
