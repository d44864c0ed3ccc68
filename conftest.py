"""Fixtures of the whole suite."""

pytest_plugins = ["portal.testing.plugin", "portal.testing.fixtures"]
