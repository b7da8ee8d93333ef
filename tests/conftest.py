"""Fixtures shared by all tests: real servers only."""

pytest_plugins = ["tests.databases", "tests.queue_servers"]
