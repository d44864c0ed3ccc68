"""Without DATABASE_URL the tests run on the embedded PostgreSQL, which is stopped after the last one."""

import pytest

from portal.embedded import EmbeddedError, Share, ensure_running
from portal.home import home
from portal.testing.environment import EMBEDDED

_shares: list[Share] = []


def pytest_sessionstart(session: pytest.Session) -> None:
    if EMBEDDED and not session.config.option.collectonly:
        try:
            _shares.append(ensure_running(home(), durable=False))
        except EmbeddedError as error:
            pytest.exit(f"purser: {error}", returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    while _shares:
        _shares.pop().close()
