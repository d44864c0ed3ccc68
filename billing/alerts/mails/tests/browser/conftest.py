"""The same Chromium as for the pages."""

from billing.overview.tests.browser.conftest import browser

__all__ = ["browser"]
