"""Accepts the events that cameras push: their pictures become images, their fields labels."""
