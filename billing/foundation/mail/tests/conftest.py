"""The mail server of the outbox's tests."""

from billing.foundation.tests.conftest import smtp

__all__ = ["smtp"]
