from portal.admin.tests.browser.conftest import browser, signed_in

__all__ = ["browser", "signed_in"]
