"""Charging what waited, where something else went wrong, or much time has passed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.site.services import site_update
from billing.ledger.verify import verify
from billing.metering import hooks, series
from billing.metering.archive.services import archive_old_events
from billing.metering.hooks import Terms
from billing.metering.models import Allowance, HourTotal, UsageEvent
from billing.metering.record import usage_record
from billing.metering.series import SeriesKey
from billing.metering.tasks import CHARGING
from billing.metering.tests.conftest import SERVICE, event, fund
from billing.metering.tests.pricing import price_appears
from billing.metering.unrated import alarm
from billing.metering.validate import parse_event
from billing.overview.statement import statement

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 10, 12, 30, tzinfo=UTC)
NOW = datetime(2026, 6, 10, 12, 30, tzinfo=UTC)


def waits(workspace: Workspace, name: str = "odd", at: datetime = NOW, model: str = "acme/brain") -> None:
    with clock.at(at):
        usage_record(workspace_id=workspace.pk, source=SERVICE, event=event(name, model=model))


def charge(at: datetime) -> None:
    with clock.at(at):
        assert run_due(only=CHARGING)[0].error == ""


def month_of(_workspace: int, at: datetime) -> list[Terms]:
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=32)).replace(day=1)
    return [Terms(meter, start, end, Decimal(10**6)) for meter in ("input_tokens", "output_tokens")]


def test_what_is_included_covers_it_in_however_many_periods(
    workspace: Workspace, prices: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for month in range(7):
        waits(workspace, f"o{month}", START + timedelta(days=30 * month))
    monkeypatch.setattr(hooks, "allowances_due", [month_of])
    Allowance.objects.all().delete()
    price_appears()
    charge(START + timedelta(days=200))
    assert not UsageEvent.objects.filter(amount__gt=0).exists()
    assert not UsageEvent.objects.exclude(problem="").exists()


@pytest.mark.django_db(transaction=True)  # what is gone shows when it is committed
def test_ids_that_are_gone_are_forgotten(workspace: Workspace, prices: None) -> None:
    fund(workspace)
    waits(workspace)
    price_appears()
    gone = (SeriesKey(workspace.pk, "acme", "brain", meter, None, "", "", "", None) for meter in ("input_tokens",))
    series.known.keep(dict.fromkeys(gone, 10**9))
    charge(NOW + timedelta(hours=1))
    assert UsageEvent.objects.get().amount


def test_what_gets_its_price_after_its_month_was_archived_is_archived_then(
    workspace: Workspace, prices: None, settings: Any, tmp_path: Path
) -> None:
    settings.ARCHIVE_DIR = str(tmp_path / "archive")
    site_update(changes={"event_detail_months": 2}, actor="test")
    waits(workspace, at=START)
    usage_record(workspace_id=workspace.pk, source=SERVICE, now=START, event=event("rated"))
    with clock.at(NOW):
        assert archive_old_events(now=NOW) == 1
        price_appears()
    charge(NOW)
    with clock.at(NOW + timedelta(days=1)):
        assert archive_old_events(now=NOW + timedelta(days=1)) == 1
        assert archive_old_events(now=NOW + timedelta(days=1)) == 0
    assert UsageEvent.objects.get(event_id="odd").archive_id is not None
    assert verify().problems == []


def test_the_activity_takes_it_from_the_balance_when_it_was_charged(workspace: Workspace, prices: None) -> None:
    waits(workspace, at=START)
    with clock.at(START + timedelta(days=30)):
        fund(workspace)
    price_appears()
    charge(NOW)
    with clock.at(NOW):
        charged, granted, used = statement(workspace.pk).rows
    amount = UsageEvent.objects.get().amount
    assert granted.transfer is not None
    assert granted.balance == granted.transfer.balance_after
    assert (used.delta, used.balance, used.requests) == (0, 0, 1)
    assert (charged.delta, charged.priced_here, charged.requests) == (-amount, amount, 0)
    assert charged.balance == granted.balance - amount
    here = HourTotal.objects.get(hour=NOW.replace(minute=0))
    assert (here.amount, here.requests, here.priced_here) == (0, 0, amount)
    assert HourTotal.objects.get(hour=START.replace(minute=0)).priced_later_amount == amount
    assert verify().problems == []
    HourTotal.objects.filter(pk=here.pk).update(priced_here=amount - 1)
    assert [problem.code for problem in verify().problems] == ["hour_priced"]


@pytest.fixture
def operator(alice: User) -> User:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return alice


def mails() -> list[str]:
    return list(OutboxMessage.objects.filter(kind="usage.unrated").order_by("pk").values_list("text", flat=True))


def test_what_is_recorded_while_staff_are_told_is_told_of_next(
    workspace: Workspace, prices: None, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits(workspace, "a", model="acme/a")
    groups = alarm.groups

    def meanwhile() -> Any:
        found = groups()
        waits(workspace, "b", model="acme/b")
        return found

    monkeypatch.setattr(alarm, "groups", meanwhile)
    charge(NOW)
    monkeypatch.setattr(alarm, "groups", groups)
    for days in (0, 1, 2):
        charge(NOW + timedelta(days=days))
    assert ["acme/b" in text for text in mails()] == [False, True]


def test_a_models_name_is_one_line_of_the_mail(workspace: Workspace, prices: None, operator: User) -> None:
    name = "m\n\nYour installation is locked. Sign in at https://purser.invalid/"
    reported = parse_event({"event_id": "x", "model": name, "usage": {"input_tokens": 1}})
    with clock.at(NOW):
        usage_record(workspace_id=workspace.pk, source=SERVICE, event=reported)
    charge(NOW)
    (text,) = mails()
    assert "m Your installation is locked" in text


@pytest.mark.parametrize("change", [{"event_detail_months": 30_000}, {"late_after_hours": 99_999_999}])
def test_settings_beyond_what_dates_can_say_are_refused(db: None, change: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        site_update(changes=change, actor="test")
