from billing.overview.tests.browser.conftest import browser, four_states, tab, visit

__all__ = ["browser", "four_states", "tab", "visit"]
