"""The same Chromium as for the billing pages."""

from billing.overview.tests.browser.conftest import browser, tab, visit

__all__ = ["browser", "tab", "visit"]
