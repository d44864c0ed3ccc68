from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.cache import clear_all
from billing.ledger import roundtrip
from billing.ledger import store as ledger_store
from billing.ledger.errors import IdempotencyConflict, TooManyHolds
from billing.ledger.hold_services import hold_release
from billing.ledger.models import Hold, Operation, Transfer
from billing.ledger.selectors import balance, hold
from billing.ledger.services import credits_grant, overdraft_set
from billing.ledger.session import read
from billing.ledger.verify import verify
from billing.metering.errors import EventRejected
from billing.metering.events import EventInput, Source
from billing.metering.known import forget_everything
from billing.metering.record import usage_record
from billing.metering.settling import take_placed
from billing.plans.limits import UNLIMITED
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.pricing.models import PriceLine
from billing.pricing.tariff import ModelPrices
from billing.usage.authorize import authorize
from billing.usage.authorized import Authorized
from billing.usage.errors import OutOfCredits, UsageRefused
from billing.usage.models import Authorization
from billing.usage.request import hold_request
from billing.usage.settle import settlement
from billing.usage.tests.conftest import MINI, NOW, Past
from billing.usage.wanted import parse_hold_wanted

SERVICE = Source("service", api_key_id=None)
GIVEN = {"input_tokens": 900, "output_tokens": 300}


def hold_for(workspace: Workspace, source: Source = SERVICE, key: str = "", **body: Any) -> Authorized:
    return authorize(workspace=workspace, source=source, raw={"model": MINI, **body}, idempotency_key=key)


def refused(workspace: Workspace, **body: Any) -> UsageRefused:
    with pytest.raises(UsageRefused) as caught:
        hold_for(workspace, **body)
    return caught.value


def on_plan(workspace: Workspace, **terms: Any) -> None:
    plan = Plan.objects.create(key="test", name="Test")
    version = PlanVersion.objects.create(plan=plan, number=1, published_at=NOW, **terms)
    Subscription.objects.create(
        workspace=workspace, version=version, anchor=NOW, next_period_at=NOW + timedelta(days=30)
    )
    clear_all()


def test_the_price_of_given_usage_is_held(funded: Workspace) -> None:
    found = hold_for(funded, usage=GIVEN, task="chat", agent="bot", app="web", project="prod")

    assert (found.amount, found.overdraft, found.basis) == (63_000_000, 0, "given")
    assert (found.available, found.held, found.state) == (100 * NANO - 63_000_000, 63_000_000, "healthy")
    assert found.expires_at == NOW + timedelta(minutes=15)
    assert [(line.meter, line.nano) for line in found.lines] == [
        ("input_tokens", 27_000_000),
        ("output_tokens", 36_000_000),
    ]
    now = balance(funded.pk)
    assert (now.available, now.held) == (found.available, found.held)
    row = Authorization.objects.get()
    assert (row.hold_id, row.workspace, row.model_ref, row.task) == (found.hold_id, funded, MINI, "chat")
    assert (row.agent, row.app, row.project, row.basis) == ("bot", "web", "prod", "given")
    assert (row.usage, row.expected) == ({"input_tokens": "900", "output_tokens": "300"}, 63_000_000)
    placed = hold(funded.pk, found.hold_id)
    assert placed is not None
    assert (placed.label, placed.origin) == ("openai/gpt-4o-mini, chat", "service")
    assert verify().ok


def test_a_hold_is_rounded_up(funded: Workspace) -> None:
    assert hold_for(funded, usage={"input_tokens": "0.000001"}).amount == 1


def test_so_many_credits_are_held_as_the_caller_says(funded: Workspace) -> None:
    found = hold_for(funded, max_credits="2.5", expires_in=60)
    assert (found.amount, found.basis, found.lines) == (2_500_000_000, "max_credits", ())
    assert found.expires_at == NOW + timedelta(minutes=1)
    assert hold_for(funded, max_credits=2, usage=GIVEN).amount == 2 * NANO
    assert [row.expected for row in Authorization.objects.order_by("pk")] == [2_500_000_000, 63_000_000]
    assert refused(funded, max_credits=1, model="acme/brain").code == "unknown_model"
    assert refused(funded, max_credits=1, usage={"sparkles": 1}).code == "unknown_meter"
    assert hold_for(funded, model="", max_credits=1).amount == NANO


def test_what_the_workspace_usually_uses_is_held(funded: Workspace, past: Past) -> None:
    past([100] * 20, task="chat")
    found = hold_for(funded, task="chat")
    # 10 input tokens at $0.15 and 100 output tokens at $0.60 a million; $0.005 a credit
    assert (found.amount, found.basis) == (12_300_000, "history")
    with pytest.raises(EventRejected):
        hold_for(funded, task="else")


def test_more_than_the_balance_is_refused_with_what_is_missing(funded: Workspace) -> None:
    error = refused(funded, model="", usage={"messages": 120})
    assert isinstance(error, OutOfCredits)
    assert (error.code, error.needed, error.available, error.missing) == (
        "insufficient_credits",
        120 * NANO,
        100 * NANO,
        20 * NANO,
    )
    assert "Add 20 credits" in error.detail
    assert not Hold.objects.exists()
    assert not Operation.objects.filter(namespace__startswith="hold").exists()
    assert hold_for(funded, model="", usage={"messages": 100}).available == 0
    assert refused(funded, usage=GIVEN).code == "insufficient_credits"


def test_where_credits_are_owed_they_are_missing_too(funded: Workspace) -> None:
    event = EventInput("e", "", {"messages": 103})  # type: ignore[dict-item]
    usage_record(workspace_id=funded.pk, source=SERVICE, event=event)
    error = refused(funded, model="", usage={"messages": 5})
    assert isinstance(error, OutOfCredits)
    assert (error.available, error.missing) == (0, 8 * NANO)
    assert "3 are owed" in error.detail


def test_the_plans_overdraft_is_held_after_the_credits(funded: Workspace) -> None:
    overdraft_set(workspace_id=funded.pk, limit=5 * NANO)
    found = hold_for(funded, model="", usage={"messages": 104})
    assert (found.amount, found.overdraft, found.available, found.held) == (104 * NANO, 4 * NANO, 0, 100 * NANO)
    assert refused(funded, model="", usage={"messages": 2}).code == "insufficient_credits"
    assert hold_for(funded, model="", usage={"messages": 1}).overdraft == NANO
    assert verify().ok


def test_a_limit_of_the_plan_refuses_what_is_asked_for(funded: Workspace) -> None:
    on_plan(funded, request_limits={"output_tokens": "400"}, qualities=["standard"])
    for body in ({"usage": {"output_tokens": 401}}, {"text": "hi", "max_output_tokens": 401}):
        error = refused(funded, max_credits=1, **body)
        assert (error.code, error.pointer) == ("request_over_limit", "/usage/output_tokens")
    assert refused(funded, text="hi", variant={"quality": "ultra"}).code == "quality_not_in_plan"


def test_a_limit_of_the_plan_bounds_what_is_only_assumed(funded: Workspace, past: Past) -> None:
    on_plan(funded, request_limits={"output_tokens": "400"})
    assert hold_for(funded, text="hi").usage["output_tokens"] == 400
    past([900] * 20)
    assert hold_for(funded, text="hi").usage["output_tokens"] == 400


def test_the_same_key_holds_once_and_answers_the_same(funded: Workspace) -> None:
    first = hold_for(funded, key="k 1", usage=GIVEN, expires_in=60)
    hold_for(funded, usage=GIVEN)
    again = hold_for(funded, key="k 1", usage={"output_tokens": "300.0", "input_tokens": 900}, expires_in="60")
    assert (first.replay, again.replay) == (False, True)
    assert again == type(first)(**{**vars(first), "replay": True})
    assert Hold.objects.count() == 2


def test_the_same_key_for_something_else_is_a_conflict(funded: Workspace) -> None:
    hold_for(funded, key="k", usage=GIVEN)
    for other in (
        {"usage": GIVEN, "task": "chat"},
        {"usage": GIVEN, "expires_in": 60},
        {"text": "hi"},
        {"max_credits": 1},
    ):
        with pytest.raises(IdempotencyConflict):
            hold_for(funded, key="k", **other)
    assert Hold.objects.count() == 1


def test_a_key_is_one_class_of_keys_and_one_workspaces(funded: Workspace) -> None:
    hold_for(funded, key="k", usage=GIVEN)
    assert not hold_for(funded, Source("workspace"), key="k", text="hi", max_output_tokens=5).replay
    other = Workspace.objects.create(name="Other")
    credits_grant(workspace_id=other.pk, key="start", amount=NANO, label="Start")
    assert not hold_for(other, key="k", usage=GIVEN).replay


def test_a_refusal_is_not_remembered(workspace: Workspace, shop: None) -> None:
    with pytest.raises(OutOfCredits):
        hold_for(workspace, key="k", usage=GIVEN)
    credits_grant(workspace_id=workspace.pk, key="start", amount=NANO, label="Start")
    assert not hold_for(workspace, key="k", usage=GIVEN).replay


def test_an_answer_stays_given_when_the_model_has_gone(funded: Workspace) -> None:
    first = hold_for(funded, key="k", usage=GIVEN)
    PriceLine.objects.filter(model="gpt-4o-mini").delete()
    clear_all()
    assert refused(funded, usage=GIVEN).code == "unknown_meter"
    assert hold_for(funded, key="k", usage=GIVEN).hold_id == first.hold_id
    with pytest.raises(IdempotencyConflict):
        hold_for(funded, key="k", usage={"input_tokens": 1})


def test_credits_are_free_again_the_moment_a_hold_expires(funded: Workspace) -> None:
    hold_for(funded, model="", usage={"messages": 100}, expires_in=60)
    with clock.at(NOW + timedelta(seconds=59)):
        assert refused(funded, usage=GIVEN).code == "insufficient_credits"
    with clock.at(NOW + timedelta(seconds=60)):
        assert hold_for(funded, model="", usage={"messages": 100}).available == 0
    assert Transfer.objects.filter(kind="hold.expire").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", ["", "k"])
def test_holding_takes_two_round_trips(workspace: Workspace, shop: None, key: str, monkeypatch: Any) -> None:
    credits_grant(workspace_id=workspace.pk, key="start", amount=NANO, label="Start")
    hold_for(workspace, usage=GIVEN)
    sent: list[object] = []
    run = roundtrip.run

    def counted(raw: Any, statements: Any) -> Any:
        sent.append(statements)
        return run(raw, statements)

    def seen(execute: Any, *args: Any) -> Any:
        sent.append(args)
        return execute(*args)

    monkeypatch.setattr(roundtrip, "run", counted)
    with connection.execute_wrapper(seen):
        hold_for(workspace, key=key, usage=GIVEN)
    assert len(sent) == 2


def test_a_workspace_has_so_many_open_holds_and_no_more(funded: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.ledger.holds.MOST_OPEN", 3)
    first = hold_for(funded, key="a", usage=GIVEN)
    for _ in range(2):
        hold_for(funded, usage=GIVEN)
    with pytest.raises(TooManyHolds, match="3 open holds"):
        hold_for(funded, usage=GIVEN)
    assert hold_for(funded, key="a", usage=GIVEN).replay  # what was answered stays answered
    hold_release(workspace_id=funded.pk, hold_id=first.hold_id, origin="service")
    hold_for(funded, usage=GIVEN)
    with pytest.raises(TooManyHolds):
        hold_for(funded, usage=GIVEN)
    with clock.at(clock.now() + timedelta(minutes=16)):
        hold_for(funded, usage=GIVEN)  # those three have expired


@pytest.mark.django_db(transaction=True)
def test_its_settlement_reads_nothing_where_it_was_authorised(workspace: Workspace, shop: None) -> None:
    credits_grant(workspace_id=workspace.pk, key="start", amount=NANO, label="Start")
    hold = hold_for(workspace, usage=GIVEN, task="chat", variant={"tier": "batch"}).hold_id
    with forbidden_round_trips():
        here = settlement(workspace.pk, hold, {"usage": GIVEN})
    other = Workspace.objects.create(name="Fabrikam")
    assert settlement(other.pk, hold, {"usage": GIVEN}).keys() == {"usage", "event_id", "hold"}  # not its hold
    forget_everything()
    assert settlement(workspace.pk, hold, {"usage": GIVEN}) == here  # as in another process
    assert (here["model"], here["task"], here["variant"]) == (MINI, "chat", {"tier": "batch"})


@contextmanager
def forbidden_round_trips() -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise AssertionError("the database was asked")

    with pytest.MonkeyPatch.context() as patch, connection.execute_wrapper(refuse):
        patch.setattr(roundtrip, "run", refuse)
        yield


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_was_not_committed_is_not_remembered(workspace: Workspace, shop: None) -> None:
    credits_grant(workspace_id=workspace.pk, key="start", amount=NANO, label="Start")
    hold = 0
    with suppress(ZeroDivisionError), transaction.atomic():
        hold = hold_for(workspace, usage=GIVEN).hold_id
        raise ZeroDivisionError
    assert hold
    assert "model" not in settlement(workspace.pk, hold, {"usage": GIVEN})
    assert take_placed(workspace.pk, hold) is None


@pytest.mark.django_db(transaction=True)
def test_what_is_remembered_of_a_hold_is_what_was_written(workspace: Workspace, shop: None) -> None:
    for key in "ab":
        credits_grant(workspace_id=workspace.pk, key=key, amount=NANO, label="Start")
    hold = hold_for(workspace, max_credits="1.5").hold_id
    placed = take_placed(workspace.pk, hold)
    (rows,) = read(ledger_store.holds(workspace.pk, [hold]))
    assert placed is not None
    assert asdict(placed) == asdict(ledger_store.hold_state(rows[0]))
    assert len(placed.pins) == 2
    assert take_placed(workspace.pk, hold) is None  # a settlement may change it


def test_a_price_that_changes_after_the_check_is_what_is_held(funded: Workspace) -> None:
    asked = parse_hold_wanted({"model": MINI, "usage": GIVEN})
    request = hold_request(funded.pk, SERVICE, asked, limits=UNLIMITED, now=NOW)
    face_value, change = request.usd_per_credit, NOW + timedelta(hours=1)
    before = [replace(each, ends=change) for each in request.prices.points]
    dearer = [replace(each, price=each.price * 2, starts=change) for each in request.prices.points]
    prices = ModelPrices("openai", "gpt-4o-mini", [*before, *dearer], request.prices.markups)
    request = replace(request, prices=prices)
    assert request.rating(change - timedelta(minutes=1), {}, usd_per_credit=face_value) is request.checked
    assert request.rating(change, {}, usd_per_credit=face_value).nano == 2 * request.checked.nano
    assert request.rating(NOW, {}, usd_per_credit=face_value / 2).nano == 2 * request.checked.nano
    included = {"output_tokens": Decimal(300)}
    assert request.rating(NOW, included, usd_per_credit=face_value).nano < request.checked.nano


def test_what_it_was_for_is_written_whatever_the_hold_takes(funded: Workspace) -> None:
    """Beside the statement of usual holds as within it: of several lots, of none, with debt at the end of it."""
    credits_grant(workspace_id=funded.pk, key="more", amount=NANO, label="More")
    overdraft_set(workspace_id=funded.pk, limit=5 * NANO)
    found = [hold_for(funded, max_credits=each) for each in (99, "1.5", 5)]
    assert [each.overdraft for each in found] == [0, 0, 4_500_000_000]
    assert [row.hold_id for row in Authorization.objects.order_by("pk")] == [each.hold_id for each in found]
    assert verify().problems == []


def test_one_credit_is_said_as_one(funded: Workspace) -> None:
    hold_for(funded, max_credits=99)
    assert str(refused(funded, max_credits=2)) == (
        "This request needs 2 credits; 1 can be held. Nothing was held or charged. Add 1 credit, or ask for less."
    )
