"""What holds were placed for came from a table of its own into their rows: nothing of it is lost, both ways."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import IntegrityError, NotSupportedError

from accounts.models import Workspace
from billing.ledger.models import Hold
from billing.ledger.services import credits_grant
from billing.ledger.tests.helpers import NOON, place
from billing.metering.tests.helpers import rewriting
from billing.pricing.testing import import_demo_prices
from billing.usage.models import Authorization
from billing.usage.tests.test_authorize import GIVEN, hold_for

BEFORE, NOW = ("usage", "0001_squashed_0003_fewer_indexes"), ("usage", "0002_authorization_in_the_hold")

ASKED: list[dict[str, Any]] = [
    {"usage": GIVEN, "task": "chat", "agent": "bot", "app": "web", "project": "prod", "variant": {"context": "long"}},
    {"max_credits": "0.000000001"},
    {"text": "Grüß Gott", "max_output_tokens": 300},
]


def rows() -> list[dict[str, Any]]:
    return list(Authorization.objects.order_by("pk").values())


def migrate(*target: tuple[str, str]) -> None:
    MigrationExecutor(connection).migrate(list(target))


@pytest.mark.django_db(transaction=True)
def test_all_that_was_written_is_there_before_and_after(workspace: Workspace) -> None:
    import_demo_prices()
    credits_grant(workspace_id=workspace.pk, key="start", amount=10**12, label="Start")
    for asked in ASKED:
        hold_for(workspace, **asked)
    place(workspace.pk, 10)  # for no request
    whole = rows()
    assert [row["basis"] for row in whole] == ["given", "max_credits", "worst_case"]
    assert (whole[0]["variant"], whole[1]["usage"]) == ({"context": "long"}, {})
    try:
        migrate(BEFORE)
        assert rows() == whole  # of the table
        with rewriting():
            Hold.objects.update(request=None)
    finally:
        migrate(NOW)
    assert rows() == whole
    assert Hold.objects.filter(request__isnull=True).count() == 1


@pytest.mark.django_db
def test_it_is_not_changed_afterwards(workspace: Workspace) -> None:
    import_demo_prices()
    credits_grant(workspace_id=workspace.pk, key="start", amount=10**12, label="Start")
    hold_for(workspace, usage=GIVEN)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Hold.objects.update(request={"basis": "given"})
    with pytest.raises(NotSupportedError), transaction.atomic():
        Authorization.objects.update(agent="another")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Authorization.objects.update(created_at=NOON)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Authorization.objects.all().delete()
    assert Authorization.objects.get().created_at == Hold.objects.get().created_at != NOON
