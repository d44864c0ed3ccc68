"""The suite's own pytest plugin: the embedded PostgreSQL for the session, and no test left out unnoticed."""

import os

import pytest

from portal.embedded import EmbeddedError, Share, ensure_running
from portal.home import home
from portal.testing.environment import EMBEDDED
from portal.testing.ready import adopt

LONG = ("portal/tests/", "/browser/", "portal/demo/", "test_three_years")

_shares: list[Share] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--complete", action="store_true", help="fail when a test is skipped or Chromium is missing")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Without DATABASE_URL the tests run on the embedded PostgreSQL, which is stopped after the last one."""
    if session.config.option.collectonly:
        return
    if session.config.option.complete and not os.environ["CHROMIUM"]:
        pytest.exit(
            "purser: the page tests need Chromium: apt-get install chromium-headless-shell, or set CHROMIUM",
            returncode=1,
        )
    if EMBEDDED and not _divides(session.config):
        adopt(home())
        try:
            _shares.append(ensure_running(home(), durable=False))
        except EmbeddedError as error:
            pytest.exit(f"purser: {error}", returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start processes or browsers come first: at the end they would keep one of two processes waiting."""
    items.sort(key=lambda item: not any(part in item.nodeid for part in LONG))


def _divides(config: pytest.Config) -> bool:
    """Whether this process only hands out tests to others."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.option.complete and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    while _shares:
        _shares.pop().close()
