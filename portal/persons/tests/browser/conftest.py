"""The same Chromium as for the pages."""

from billing.overview.tests.browser.conftest import browser, visit

__all__ = ["browser", "visit"]
