"""Fixtures shared by all tests: real servers only."""

pytest_plugins = ["tests.servers.databases", "tests.servers.queues"]
