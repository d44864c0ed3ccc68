"""Summaries of many workspaces: one that fails keeps no other waiting."""

import pytest

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.alerts.usage.models import UsageAlert
from billing.alerts.usage.telling import summaries_send
from billing.alerts.usage.tests.conftest import NOW, mails
from billing.credits import clock
from billing.foundation.mail import hooks
from billing.foundation.mail.telling import News

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_summary_that_fails_keeps_no_other_waiting(workspace: Workspace, alice: User) -> None:
    other = Workspace.objects.create(name="Other")
    Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
    for each in (workspace, other):
        said = {"alert": "50", "key": "k", "amount": 1, "used": 1, "balance": 1, "line": "Half is used."}
        UsageAlert.objects.create(workspace=each, told="waiting", at=NOW, **said)

    def fails(news: News) -> None:
        if news.workspace.pk == workspace.pk:
            raise RuntimeError("nobody listens")

    hooks.news_told.append(fails)
    try:
        with clock.at(NOW), pytest.raises(ExceptionGroup, match="1 summaries were sent, 1 could not be"):
            summaries_send(now=NOW, limit=100)
    finally:
        hooks.news_told.remove(fails)
    assert mails() == [("usage.summary", "What happened to the credits of Other")]
    assert UsageAlert.objects.get(told="waiting").workspace == workspace
    with clock.at(NOW):
        assert summaries_send(now=NOW, limit=100) == 1
