"""Fixtures of the shared ground."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from billing.foundation.tests.smtp import Behaviour, mail_server


@pytest.fixture
def smtp(settings: Settings) -> Iterator[Behaviour]:
    """A mail server, and EMAIL_URL pointing to it."""
    with mail_server() as server:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{server.port}"
        yield server


@pytest.fixture
def no_mail_server(settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
