from billing.overview.tests.browser.conftest import browser, four_states, visit

__all__ = ["browser", "four_states", "visit"]
