"""Middleware and dependencies that decide who may send which request, and record it."""
