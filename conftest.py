"""Fixtures of the whole suite."""

pytest_plugins = ["portal.testing.fixtures"]
