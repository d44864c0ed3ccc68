"""The suite's own pytest plugin: the embedded PostgreSQL for the session, and no test left out unnoticed."""

import gc
import os
from threading import Thread

import pytest

from portal.embedded import EmbeddedError, Share, ensure_running
from portal.home import home
from portal.testing.environment import EMBEDDED
from portal.testing.order import place
from portal.testing.ready import adopt, ready

_shares: list[Share] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--complete", action="store_true", help="fail when a test is skipped or Chromium is missing")


def pytest_sessionstart(session: pytest.Session) -> None:
    """What a new installation holds is made while the test processes still collect their tests."""
    if session.config.option.collectonly:
        return
    if session.config.option.complete and not os.environ["CHROMIUM"]:
        pytest.exit(
            "purser: the page tests need Chromium: apt-get install chromium-headless-shell, or set CHROMIUM",
            returncode=1,
        )
    if EMBEDDED and _divides(session.config):
        Thread(target=ready).start()  # when it fails it does so again where it is needed, and says why


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place(item.nodeid))
    for item in items:
        # Three processes share the cores with a browser that draws when it can. What fails twice is wrong; what only
        # the first try failed is told as "rerun". Everything else has one try: a race that is lost once is lost.
        if "browser" in item.path.parts or item.get_closest_marker("paced"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was collected stays to the end; from here on garbage is looked for as seldom as in a web process."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Without DATABASE_URL the tests run on the embedded PostgreSQL, which is stopped after the last one."""
    if session.config.option.collectonly or not EMBEDDED or _divides(session.config):
        return
    adopt(home())
    try:
        _shares.append(ensure_running(home(), durable=False))
    except EmbeddedError as error:
        pytest.exit(f"purser: {error}", returncode=1)


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
