"""Fixtures of the whole suite."""

pytest_plugins = [
    "portal.testing.plugin",
    "portal.testing.template",
    "portal.testing.database",
    "portal.testing.fixtures",
    "portal.testing.simulated",
    "portal.testing.simulated_usdc",
    "portal.testing.story",
]
