"""Every request priced anew by itself, at the price of its own time; what cannot be compared is counted."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.site.services import site_update
from billing.insights.whatif.asked import Question
from billing.insights.whatif.compare import ARCHIVED, REVERSED, WAITS, Comparison
from billing.insights.whatif.query import NotAnswered, answer
from billing.insights.whatif.tests.conftest import GPT, MINI, NOW, SERVICE, SONNET, TTS, Use
from billing.metering.archive.services import archive_old_events
from billing.metering.models import HourTotal, UsageEvent
from billing.metering.record import usage_record
from billing.metering.reverse import usage_reverse
from billing.metering.tests.pricing import price_appears
from billing.metering.validate import parse_event
from billing.pricing.agreed import Scope, Step
from billing.pricing.agreements import override_add, schedule_add
from billing.pricing.book import prices_for
from billing.pricing.models import Markup, PriceLine
from billing.pricing.rating import rate
from billing.pricing.services import changed


def on(workspace: Workspace, model: str, **asked: object) -> Comparison:
    found = answer(workspace, Question(model=model, **asked)).models  # type: ignore[arg-type]
    assert found is not None
    return found


def test_on_the_same_model_it_costs_what_it_cost(shop: Workspace, use: Use) -> None:
    """Variants, cached parts and context tiers included."""
    draw = random.Random(1)
    charged = 0
    for number in range(60):
        size, ago = draw.choice([500, 5_000, 250_000]), 28 - number * 0.46
        usage = {"input_tokens": size, "cached_input_tokens": size // 3, "output_tokens": draw.randrange(1, 2_000)}
        charged += use(SONNET, ago=ago, **usage)
        tier = draw.choice(["batch", "priority"])
        charged += use(MINI, ago=ago - 0.2, input_tokens=size, output_tokens=7 + number, variant={"tier": tier})
    both = [on(shop, model, of=model).total for model in (SONNET, MINI)]
    assert [sums.saved for sums in both] == [0, 0]
    assert sum(sums.actual for sums in both) == charged
    assert sum(sums.actual for sums in both) == sum(HourTotal.objects.values_list("amount", flat=True))


def test_each_request_is_rounded_once(shop: Workspace, use: Use) -> None:
    for tokens in (1, 3, 7, 1_001):
        use(GPT, input_tokens=tokens, output_tokens=tokens)
    found = on(shop, SONNET)
    prices = prices_for(SONNET)
    expected = 0
    for event in UsageEvent.objects.all():
        usage = {meter: Decimal(of) for meter, of in event.usage.items()}
        at = event.occurred_at
        expected += rate(prices, usage=usage, variant={}, at=at, usd_per_credit=Decimal("0.005")).nano
    assert found.total.replayed == expected
    assert found.models["openai", "gpt-4o"].requests == 4
    assert found.total.percent is not None
    assert found.total.percent < 0  # it would have cost more


def test_the_price_of_its_own_time_counts(shop: Workspace, use: Use) -> None:
    use(GPT, ago=20, input_tokens=1_000)
    use(GPT, ago=2, input_tokens=1_000)
    noon = NOW - timedelta(days=10)
    Markup.objects.create(provider="openai", model="gpt-4o-mini", percent=100, effective_from=noon)
    changed()
    found = on(shop, MINI)
    assert [sums.replayed for sums in found.days if sums.requests] == [30_000_000, 60_000_000]
    assert found.later == 0


def test_where_there_was_no_price_todays_counts_and_is_said(shop: Workspace, use: Use) -> None:
    use(GPT, ago=20, input_tokens=1_000)
    use(GPT, ago=2, input_tokens=1_000)
    PriceLine.objects.filter(model="gpt-4o-mini").update(effective_from=NOW - timedelta(days=10))
    changed()
    found = on(shop, MINI)
    assert found.total.replayed == 60_000_000
    assert found.later == 1


def test_what_cannot_be_compared_is_counted(shop: Workspace, use: Use) -> None:
    use(GPT, input_tokens=1_000)
    use("nobody/knows-it", input_tokens=5)
    charged = use(GPT, input_tokens=2_000)
    usage_reverse(workspace_id=shop.pk, pk=UsageEvent.objects.latest("pk").pk, reason="cut off", actor="staff")
    pages = use(GPT, input_tokens=10, output_image_tokens=0)
    found = on(shop, MINI)
    assert (found.total.requests, found.total.actual) == (2, 500_000_000 + pages)
    assert {each.reason: (each.requests, each.actual) for each in found.left_out} == {
        WAITS: (1, 0),
        REVERSED: (1, charged),
    }


def test_a_meter_without_a_price_is_named(shop: Workspace, use: Use) -> None:
    use(TTS, input_characters=800)
    found = on(shop, MINI, of=TTS)
    assert found.total.requests == 0
    ((reason, requests),) = [(each.reason, each.requests) for each in found.left_out]
    assert (reason, requests) == ("input_characters has no price at openai/gpt-4o-mini.", 1)


def test_only_usage_of_the_same_kind_is_compared(shop: Workspace, use: Use) -> None:
    use(TTS, input_characters=800)
    use(GPT, input_tokens=1_000)
    use("", messages=3)
    found = on(shop, MINI)
    assert list(found.models) == [("openai", "gpt-4o")]
    assert found.requests_left_out == 0


def test_one_model_one_task_one_agent(shop: Workspace, use: Use) -> None:
    use(GPT, input_tokens=1_000, task="chat", agent="bot")
    use(GPT, input_tokens=1_000, task="chat")
    use(GPT, input_tokens=1_000)
    use(SONNET, input_tokens=1_000, task="chat")
    assert on(shop, MINI, of=GPT).total.requests == 3
    assert on(shop, MINI, of=GPT, task="chat").total.requests == 2
    assert on(shop, MINI, task="chat").total.requests == 3
    assert on(shop, MINI, of=GPT, task="chat", agent="").total.requests == 1
    assert on(shop, MINI, of=GPT, task="").total.requests == 1


def test_what_was_included_stays_included(on_free: Workspace, use: Use) -> None:
    charged = use(TTS, input_characters=1_500)  # 1,000 of them included
    assert charged == 500 * 8_000_000
    found = on(on_free, TTS, of=TTS)
    assert (found.total.actual, found.total.replayed) == (charged, charged)


def test_days_and_ranges(shop: Workspace, use: Use) -> None:
    for ago in (95, 80, 30.6, 29.4, 0.01):
        use(GPT, ago=ago, input_tokens=1_000)
    month, quarter = on(shop, MINI), on(shop, MINI, days=90)
    assert (month.total.requests, len(month.days)) == (2, 30)
    assert (quarter.total.requests, len(quarter.days)) == (4, 90)
    assert (month.days[0].requests, month.days[-1].requests) == (1, 1)


def test_late_events_count_where_they_are_booked(shop: Workspace) -> None:
    at = (NOW - timedelta(days=60)).isoformat()
    body = {"event_id": "late", "model": GPT, "usage": {"input_tokens": 1_000}, "occurred_at": at}
    with clock.at(NOW - timedelta(minutes=1)):
        usage_record(workspace_id=shop.pk, source=SERVICE, event=parse_event(body))
    found = on(shop, MINI)
    assert (found.total.requests, found.days[-1].requests) == (1, 1)


def test_archived_details(shop: Workspace, use: Use, settings: object, tmp_path: object) -> None:
    settings.ARCHIVE_DIR = str(tmp_path)  # type: ignore[attr-defined]
    use(GPT, ago=80, input_tokens=1_000)
    use(GPT, ago=2, input_tokens=1_000)
    site_update(changes={"event_detail_months": 1}, actor="test")
    assert archive_old_events(now=NOW) == 1
    by_variant = on(shop, MINI, days=90)
    assert {each.reason: each.requests for each in by_variant.left_out} == {ARCHIVED: 1}
    plain = on(shop, SONNET, days=90)  # no variant of it has a price of its own
    assert (plain.total.requests, plain.requests_left_out) == (2, 0)


def test_more_cached_input(shop: Workspace, use: Use) -> None:
    use(GPT, input_tokens=10_000, cached_input_tokens=1_000, output_tokens=100)
    use(GPT, input_tokens=900, output_tokens=100)  # too small to be cached
    found = on(shop, GPT, of=GPT, cached=50)
    # 4,000 tokens more at $1.25 instead of $2.50 a million
    assert found.total.saved == round(4_000 * 1.25 / 1_000_000 / 0.005 * 10**9)


def test_questions_without_an_answer(shop: Workspace) -> None:
    with pytest.raises(NotAnswered, match="“acme/nothing” is not in the catalogue"):
        answer(shop, Question(model="acme/nothing"))
    with pytest.raises(NotAnswered, match="not on offer"):
        answer(shop, Question(on="plan", plan="gold"))


def test_too_many_requests_are_not_begun(shop: Workspace, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use(GPT, input_tokens=1, times=3)
    monkeypatch.setattr("billing.insights.whatif.query.MOST_REQUESTS", 2)
    with pytest.raises(NotAnswered, match="Choose fewer days, or one model"):
        answer(shop, Question(model=MINI))


def test_an_operators_own_model_can_be_the_target(shop: Workspace, use: Use) -> None:
    use(GPT, input_tokens=1_000_000)
    with clock.at(NOW - timedelta(days=3)):
        price_appears("acme/brain")
    assert on(shop, "acme/brain").total.replayed == 200 * 10**9


def test_what_the_workspace_agreed_on_counts(shop: Workspace, use: Use) -> None:
    use(GPT, ago=1, input_tokens=1_000_000)
    scope = Scope("openai", "gpt-4o-mini", "input_tokens")
    with clock.at(NOW - timedelta(days=9)):
        override_add(workspace=shop, scope=scope, by="staff", price=Decimal("0.05"), per=1_000_000)
    assert on(shop, MINI).total.replayed == 10 * NANO


def test_steps_are_climbed_from_the_first_of_the_month(shop: Workspace, use: Use) -> None:
    """A million tokens a month at the full price, the rest for half: 30 credits and 15."""
    with clock.at(NOW - timedelta(days=60)):
        schedule_add(
            scope=Scope("openai", "gpt-4o-mini", "input_tokens"),
            mode="graduated",
            steps=[Step(Decimal(1_000_000), off=Decimal(50))],
            by="staff",
        )
    use(GPT, ago=37, input_tokens=700_000)  # 1 February, before the 30 days
    use(TTS, ago=36, input_characters=10)
    use(GPT, ago=20, input_tokens=700_000)
    use(GPT, ago=1, input_tokens=1_200_000)
    found = on(shop, MINI)
    assert found.total.requests == 2
    assert [sums.replayed for sums in found.days if sums.requests] == [15 * NANO, 33 * NANO]
    assert on(shop, MINI, days=90).total.replayed == (21 + 15 + 33) * NANO


def test_on_the_same_model_it_costs_what_it_cost_with_steps_too(shop: Workspace, use: Use) -> None:
    """Graduated steps that another model's usage climbs as well, and a price of its own."""
    scope = Scope("openai", "", "input_tokens")
    with clock.at(NOW - timedelta(days=60)):
        schedule_add(scope=scope, mode="graduated", steps=[Step(Decimal(1_000_000), off=Decimal(50))], by="staff")
        own = Scope("openai", "gpt-4o", "output_tokens")
        override_add(workspace=shop, scope=own, by="staff", price=Decimal(7), per=1_000_000)
    use(MINI, ago=38, input_tokens=300_000)  # 31 January
    use(MINI, ago=37, input_tokens=300_000)
    for ago in (30.2, 20, 19, 8, 1):
        use(GPT, ago=ago, input_tokens=400_001, output_tokens=333)
        use(MINI, ago=ago - 0.1, input_tokens=300_003)
    found = on(shop, GPT, of=GPT)
    assert found.total.requests == 4
    assert found.total.saved == 0
    assert on(shop, MINI, of=MINI).total.saved == 0
