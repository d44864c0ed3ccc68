"""A rise is told before it takes effect, a drop when it does, once, to those who use the model."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.alerts.models import PriceNotice, PriceWatch
from billing.alerts.pricechanges import jobs
from billing.alerts.pricechanges.finding import announced
from billing.alerts.pricechanges.tests.conftest import DAY, GPT, HOUR, MINI, NOW, Told, reprice, use
from billing.alerts.webhooks.models import WebhookEvent
from billing.credits import clock
from billing.foundation.cache import clear_all
from billing.foundation.outbox.models import OutboxMessage
from billing.metering.models import UsageEvent
from billing.metering.reverse import usage_reverse
from billing.pricing.agreed import Scope, Step
from billing.pricing.agreements import override_add, schedule_add
from billing.pricing.models import Markup
from billing.pricing.services import changed


def test_a_rise_is_told_before_it_takes_effect(shop: Workspace, told: Told) -> None:
    use(shop)
    reprice(MINI, "input_tokens", "0.168", at=NOW + DAY)
    (message,) = told()
    assert message.to == ["alice@example.com"]
    assert message.subject == "gpt 4o mini costs Northwind AI more from 11 March"
    text = " ".join(message.text.split())
    assert "gpt 4o mini (openai/gpt-4o-mini), from 11 March 2026, 12:30 (UTC)" in text
    assert "Input tokens: 30 credits ($0.15) → 33.60 credits ($0.168) per 1M tokens, +12%" in text
    assert "You made 1 request with it in the 30 days before." in text
    assert "At the old prices they cost 30 credits ($0.15), at the new ones 3.60 credits ($0.018) more." in text
    assert f"/w/{shop.public_id}/models/openai/gpt-4o-mini" in message.text
    assert f"/w/{shop.public_id}/what-if?of=openai%2Fgpt-4o-mini" in message.text
    assert "<td" in message.html
    assert "+12%" in message.html
    assert "Output tokens" not in message.text
    assert told(NOW + HOUR) == told(NOW + DAY) == told(NOW + 2 * DAY) == []


def test_a_drop_is_told_when_it_takes_effect(shop: Workspace, told: Told) -> None:
    use(shop)
    reprice(MINI, "input_tokens", "0.12", at=NOW + DAY)
    assert told() == told(NOW + DAY - timedelta(seconds=1)) == []
    (message,) = told(NOW + DAY)
    assert message.subject == "gpt 4o mini costs Northwind AI less now"
    assert "since 11 March 2026, 12:30 (UTC)" in message.text
    assert "30 credits ($0.15) → 24 credits ($0.12) per 1M tokens, −20%" in message.text
    assert "at the new ones 6 credits ($0.03) less." in message.text
    assert told(NOW + DAY + HOUR) == []


def test_who_does_not_use_the_model_is_not_told(shop: Workspace, told: Told) -> None:
    use(shop, at=NOW - 31 * DAY)
    use(shop, GPT, at=NOW - 2 * DAY)
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    assert told() == []
    use(shop, at=NOW - HOUR)  # who begins to use it before the rise is told, too
    assert len(told(NOW + HOUR)) == 1


def test_usage_that_was_taken_back_is_none(shop: Workspace, told: Told) -> None:
    use(shop)
    usage_reverse(workspace_id=shop.pk, pk=UsageEvent.objects.get().pk, reason="cut off", actor="staff")
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    assert told() == []


def test_one_message_has_all_models_that_change(shop: Workspace, told: Told) -> None:
    use(shop, at=NOW - 2 * HOUR)
    use(shop, GPT, input_tokens=1_000, output_tokens=10)
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    reprice(MINI, "output_tokens", "1.2", at=NOW + DAY)
    reprice(GPT, "output_tokens", "11", at=NOW + DAY)
    (message,) = told()
    assert message.subject == "2 models cost Northwind AI more from 11 March"
    assert message.text.count("per 1M tokens") == 3
    assert PriceNotice.objects.count() == 2


def test_dearer_and_cheaper_together(shop: Workspace, told: Told) -> None:
    use(shop, at=NOW - 2 * HOUR)
    use(shop, GPT, input_tokens=1_000)
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    reprice(GPT, "input_tokens", "2", at=NOW - timedelta(minutes=5))
    (message,) = told()
    assert message.subject == "Prices of 2 models that Northwind AI uses change"
    assert message.text.index("Dearer") < message.text.index("gpt-4o-mini") < message.text.index("Cheaper")


def test_dearer_input_and_cheaper_output_are_one_rise(shop: Workspace, told: Told) -> None:
    use(shop)
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    reprice(MINI, "output_tokens", "0.1", at=NOW + DAY)
    (message,) = told()
    assert "+100%" in message.text
    assert "−83.3%" in message.text
    assert told(NOW + DAY) == []


def test_a_change_by_rounding_is_not_news(shop: Workspace, told: Told) -> None:
    use(shop)
    reprice(MINI, "input_tokens", "0.15001", at=NOW + DAY)
    assert told() == []


def test_a_markup_to_come_is_a_change_of_price(shop: Workspace, told: Told) -> None:
    use(shop)
    Markup.objects.create(percent=20, effective_from=NOW + DAY)
    changed()
    (message,) = told()
    assert "30 credits ($0.15) → 36 credits ($0.18) per 1M tokens, +20%" in message.text
    Markup.objects.create(provider="openai", percent=10, effective_from=NOW + 2 * DAY)
    changed()
    assert told(NOW + HOUR) == []  # a drop
    (message,) = told(NOW + 2 * DAY)
    assert "36 credits ($0.18) → 33 credits ($0.165) per 1M tokens, −8.3%" in message.text


def test_a_price_of_its_own_is_not_touched_by_the_list(shop: Workspace, told: Told) -> None:
    use(shop)
    with clock.at(NOW - 2 * DAY):
        override_add(workspace=shop, scope=Scope("openai", "gpt-4o-mini", "input_tokens"), by="staff",
                     price=Decimal("0.1"), per=1_000_000)  # fmt: skip
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    assert told() == []


def test_what_a_workspace_agreed_on_changes_its_prices_alone(shop: Workspace, told: Told, alice: User) -> None:
    other = Workspace.objects.create(name="Other")
    Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
    use(shop)
    use(other)
    scope = Scope("openai", "gpt-4o-mini")
    override_add(workspace=shop, scope=scope, by="staff", percent=Decimal(30), effective_from=NOW + DAY)
    (message,) = told()
    assert message.workspace == shop
    assert message.text.count("+30%") == 3 + 2  # input, cached, output; two of them in batches, too
    override_add(workspace=shop, scope=scope, by="staff", percent=Decimal(10), effective_from=NOW + 2 * DAY)
    assert told(NOW + DAY) == []
    (message,) = told(NOW + 2 * DAY)
    assert "−15.4%" in message.text


def test_steps_by_the_months_quantity_are_prices_too(shop: Workspace, told: Told) -> None:
    use(shop, input_tokens=3_000_000)
    scope = Scope("openai", "gpt-4o-mini", "input_tokens")
    steps = (Step(Decimal(1_000_000), off=Decimal(50)),)
    schedule_add(scope=scope, mode="graduated", steps=steps, by="staff", effective_from=NOW + DAY)
    assert told() == []
    (message,) = told(NOW + DAY)
    text = " ".join(message.text.split())
    assert "Input tokens (from 1,000,000 a month): 30 credits ($0.15) → 15 credits ($0.075) per 1M tokens" in text
    assert "at the new ones 30 credits ($0.15) less" in text  # two of three million for half


def test_who_is_told(shop: Workspace, told: Told, bob: User, charlie: User) -> None:
    """Bob is a viewer; charlie, here, keeps the books; one admin is no longer active."""
    Membership.objects.create(workspace=shop, user=charlie, role=Role.BILLING)
    gone = User.objects.create_user("gone@example.com", "correct horse 9", is_active=False)
    Membership.objects.create(workspace=shop, user=gone, role=Role.ADMIN)
    use(shop)
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    (message,) = told()
    assert message.to == ["alice@example.com", "charlie@example.com"]


def test_after_a_week_of_downtime_nothing_is_missed(shop: Workspace, told: Told) -> None:
    use(shop, at=NOW - 2 * HOUR)
    use(shop, GPT, input_tokens=1_000)
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    reprice(GPT, "input_tokens", "2", at=NOW + 2 * DAY)
    back = NOW + 45 * DAY
    (message,) = told(back)
    assert message.subject == "Prices of 2 models that Northwind AI uses change"
    assert "since 11 March 2026, 12:30 (UTC)" in message.text  # a rise that could not be told before
    assert told(back + HOUR) == []


def test_what_changed_before_the_first_look_is_history(shop: Workspace, told: Told) -> None:
    use(shop)
    reprice(MINI, "input_tokens", "0.1", at=NOW - 2 * DAY)
    assert told() == []
    PriceWatch.objects.all().delete()
    reprice(GPT, "input_tokens", "2", at=NOW - HOUR)
    use(shop, GPT, input_tokens=1_000, at=NOW - timedelta(minutes=1))
    assert told() == []


def test_one_workspace_that_fails_keeps_no_other_waiting(
    shop: Workspace, told: Told, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Workspace.objects.create(name="Other")
    Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
    use(shop)
    use(other)
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    real = jobs.tell

    def fail_once(workspace: Workspace, *args: object, **said: object) -> bool:
        if workspace == shop:
            raise RuntimeError("cannot be told")
        return real(workspace, *args, **said)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "tell", fail_once)
    with pytest.raises(ExceptionGroup, match="1 workspaces were told of changed prices, 1 could not be"):
        told()
    assert OutboxMessage.objects.get(kind="prices.changed").workspace == other
    monkeypatch.setattr(jobs, "tell", real)
    (message,) = told(NOW + HOUR)
    assert message.workspace == shop


def test_batches_are_continued(shop: Workspace, alice: User) -> None:
    for number in range(3):
        other = Workspace.objects.create(name=f"Other {number}")
        Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
        use(other)
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    assert [jobs.price_news(now=NOW, limit=2) for _ in range(3)] == [2, 1, 0]
    assert OutboxMessage.objects.filter(kind="prices.changed").count() == 3


def test_pages_can_show_what_is_to_come(shop: Workspace) -> None:
    use(shop, at=NOW - 2 * HOUR)
    use(shop, GPT, input_tokens=1_000)
    assert announced(shop.pk) == ()
    reprice(MINI, "input_tokens", "0.168", at=NOW + DAY)
    reprice(GPT, "input_tokens", "2", at=NOW - HOUR)
    clear_all()
    (change,) = announced(shop.pk)
    assert (change.ref, change.at, change.rise) == (MINI, NOW + DAY, True)
    assert change.percents == (Decimal(12), Decimal(12))


def test_the_database_refuses_to_tell_twice_or_of_a_drop_too_early(shop: Workspace) -> None:
    row = {"workspace": shop, "provider": "openai", "model": "gpt-4o", "effective_at": NOW + DAY}
    PriceNotice.objects.create(**row, rise=True, told_at=NOW)
    with pytest.raises(IntegrityError, match="price_notice_once"), transaction.atomic():
        PriceNotice.objects.create(**row, rise=True, told_at=NOW + HOUR)
    with pytest.raises(IntegrityError, match="price_notice_of_drop_at_effect"), transaction.atomic():
        PriceNotice.objects.create(**row, rise=False, told_at=NOW)
    with pytest.raises(IntegrityError, match="price_watch_one_row"), transaction.atomic():
        PriceWatch.objects.create(pk=2, began_at=NOW, looked_at=NOW)


def test_the_news_is_an_event_for_webhooks_too(shop: Workspace, told: Told) -> None:
    use(shop)
    reprice(MINI, "input_tokens", "0.168", at=NOW + DAY)
    told()
    told(NOW + HOUR)
    event = WebhookEvent.objects.get(type="price.changed")
    data = json.loads(event.payload)["data"]
    assert (data["model"], data["direction"], data["effective_at"]) == (MINI, "rise", "2026-03-11T12:30:00Z")
    (price,) = data["prices"]
    assert (price["meter"], price["per"], price["before_usd"], price["after_usd"]) == (
        "input_tokens",
        1_000_000,
        0.15,
        0.168,
    )
    assert (price["before_credits"], price["after_credits"]) == (30, 33.6)
