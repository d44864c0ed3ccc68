from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.foundation.cache import clear_all
from billing.ledger.models import Transfer
from billing.ledger.services import credits_grant, overdraft_set
from billing.metering.allowances import allowance_open
from billing.metering.errors import EventRejected
from billing.metering.events import EventInput, Source
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.usage.errors import OutOfCredits, UsageRefused
from billing.usage.estimate import Estimate, estimate
from billing.usage.tests.conftest import MINI, NOW

pytestmark = pytest.mark.usefixtures("shop")
TTS, IMAGE = "elevenlabs/eleven_flash_v2_5", "openai/gpt-image-1.5"


def on_plan(workspace: Workspace, **terms: Any) -> None:
    plan = Plan.objects.create(key="test", name="Test")
    version = PlanVersion.objects.create(plan=plan, number=1, published_at=NOW, **terms)
    Subscription.objects.update_or_create(
        workspace=workspace,
        defaults={"version": version, "anchor": NOW, "next_period_at": NOW + timedelta(days=30)},
    )
    clear_all()


def ask(workspace: Workspace, **body: Any) -> Estimate:
    return estimate(workspace=workspace, raw={"model": MINI, **body})


def refused(workspace: Workspace, **body: Any) -> UsageRefused:
    with pytest.raises(UsageRefused) as caught:
        ask(workspace, **body)
    return caught.value


def test_given_usage_is_priced_and_nothing_is_written(funded: Workspace) -> None:
    found = ask(funded, usage={"input_tokens": 900, "output_tokens": 300})
    assert (found.nano, found.cost_usd) == (63_000_000, Decimal("0.000315"))
    assert (found.input_tokens, found.total_tokens, found.audio_seconds) == (900, 1200, 0)
    assert (found.balance_after, found.sufficient, found.basis) == (100 * NANO - 63_000_000, True, "given")
    assert [(line.meter, line.quantity, line.nano) for line in found.lines] == [
        ("input_tokens", 900, 27_000_000),
        ("output_tokens", 300, 36_000_000),
    ]
    assert not UsageEvent.objects.exists()
    assert not Transfer.objects.filter(kind__startswith="usage").exists()


def test_an_estimate_is_rounded_up(funded: Workspace) -> None:
    assert ask(funded, usage={"input_tokens": "0.000001"}).nano == 1


def test_an_estimate_and_its_receipt_agree(funded: Workspace) -> None:
    usage = {"input_tokens": Decimal(1234), "output_tokens": Decimal(567)}
    found = ask(funded, usage=usage)
    receipt = usage_record(workspace_id=funded.pk, source=Source("service"), event=EventInput("e", MINI, usage))
    assert (found.nano, found.balance_after) == (receipt.nano, receipt.balance.available)


def test_a_text_is_counted_by_what_the_model_bills(funded: Workspace) -> None:
    speech = ask(funded, model=TTS, text="Grüß Gott 👋")
    assert [(line.meter, line.quantity) for line in speech.lines] == [("input_characters", 11)]
    assert (speech.basis, speech.audio_seconds) == ("given", Decimal("0.7"))
    chat = ask(funded, text="a" * 401, max_output_tokens=300)
    assert [(line.meter, line.quantity) for line in chat.lines] == [("input_tokens", 101), ("output_tokens", 300)]
    assert "4 bytes" in chat.note
    chinese = ask(funded, text="价" * 400, max_output_tokens=300)
    assert chinese.input_tokens == 300  # three bytes each
    embedding = ask(funded, model="openai/text-embedding-3-small", text="a" * 400)
    assert embedding.total_tokens == 100
    image = ask(funded, model="google/gemini-2.5-flash-image", text="a cat")
    assert [(line.meter, line.quantity) for line in image.lines] == [("images", 1)]


def test_a_text_says_nothing_about_seconds_of_audio(funded: Workspace) -> None:
    with pytest.raises(EventRejected) as caught:
        ask(funded, model="deepgram/nova-3", text="hello")
    assert (caught.value.code, caught.value.pointer) == ("invalid_request", "/text")


def test_the_answers_length_follows_the_workspaces_own_history(funded: Workspace) -> None:
    assert (ask(funded, text="hi").basis, ask(funded, text="hi").lines[1].quantity) == ("default", 500)
    for index, output in enumerate((100, 200, 1000)):
        usage_record(
            workspace_id=funded.pk,
            source=Source("service"),
            event=EventInput(
                f"e{index}",
                MINI,
                {"input_tokens": Decimal(10), "output_tokens": Decimal(output)},
                occurred_at=NOW - timedelta(hours=index + 1),
            ),
        )
    found = ask(funded, text="hi")
    assert (found.basis, found.lines[1].quantity) == ("history", 200)
    other = Workspace.objects.create(name="Other")
    assert estimate(workspace=other, raw={"model": "", "usage": {"static_messages": 1}}).sufficient
    credits_grant(workspace_id=other.pk, key="start", amount=NANO, label="Start")
    assert ask(other, text="hi").basis == "default"


def test_a_balance_that_does_not_cover_it_is_said_not_refused(funded: Workspace) -> None:
    found = ask(funded, model="", usage={"messages": 101})
    assert (found.sufficient, found.balance_after) == (False, -NANO)
    assert ask(funded, model="", usage={"messages": 100}).sufficient


def test_an_overdraft_counts(funded: Workspace) -> None:
    overdraft_set(workspace_id=funded.pk, limit=5 * NANO)
    assert ask(funded, model="", usage={"messages": 105}).sufficient
    assert not ask(funded, model="", usage={"messages": 106}).sufficient


def test_once_stopped_what_costs_anything_is_refused(workspace: Workspace) -> None:
    credits_grant(workspace_id=workspace.pk, key="start", amount=NANO, label="Start")
    usage_record(
        workspace_id=workspace.pk, source=Source("service"), event=EventInput("e", "", {"messages": Decimal(3)})
    )
    error = refused(workspace, usage={"input_tokens": 1000})
    assert isinstance(error, OutOfCredits)
    assert (error.code, error.needed, error.available) == ("insufficient_credits", 30_000_000, 0)
    assert "0.03 credits" in error.detail
    assert "2 are owed" in error.detail
    assert ask(workspace, model="", usage={"static_messages": 1}).nano == 0


def test_an_allowance_lets_a_workspace_without_credits_go_on(workspace: Workspace) -> None:
    allowance_open(
        workspace_id=workspace.pk,
        meter="input_characters",
        starts_at=NOW - timedelta(days=1),
        ends_at=NOW + timedelta(days=1),
        included=Decimal(1000),
    )
    found = ask(workspace, model=TTS, usage={"input_characters": 400})
    assert (found.nano, found.sufficient, found.lines[0].from_allowance) == (0, True, 400)
    assert refused(workspace, model=TTS, usage={"input_characters": 1001}).code == "insufficient_credits"


def test_unknown_models_and_meters_are_refused(funded: Workspace) -> None:
    assert refused(funded, model="acme/brain", usage={"input_tokens": 1}).code == "unknown_model"
    error = refused(funded, usage={"sparkles": 1})
    assert (error.code, error.pointer) == ("unknown_meter", "/usage")
    assert "sparkles" in error.detail


def test_a_request_over_the_plans_limit_is_refused(funded: Workspace) -> None:
    on_plan(funded, request_limits={"input_characters": "500"}, qualities=["standard"])
    assert ask(funded, model=TTS, text="x" * 500).nano
    error = refused(funded, model=TTS, text="x" * 501)
    assert (error.code, error.pointer) == ("request_over_limit", "/usage/input_characters")
    assert "500 input_characters" in error.detail
    assert "501" in error.detail


def test_a_quality_the_plan_does_not_include_is_refused(funded: Workspace) -> None:
    on_plan(funded, qualities=["Standard", "Premium"])
    assert ask(funded, model=TTS, text="x", variant={"quality": "premium"}).nano
    error = refused(funded, model=TTS, text="x", variant={"quality": "Ultra"})
    assert (error.code, error.pointer) == ("quality_not_in_plan", "/variant/quality")
    assert "Standard, Premium" in error.detail


def test_an_image_models_own_quality_is_no_matter_of_the_plan(funded: Workspace) -> None:
    on_plan(funded, qualities=["Standard"])
    variant = {"quality": "high", "size": "1024x1024"}
    assert ask(funded, model=IMAGE, usage={"images": 1}, variant=variant).nano == 26_600_000_000


def test_a_charge_that_does_not_fit_is_refused(funded: Workspace) -> None:
    assert refused(funded, model="", usage={"deployments": 10**12}).code == "amount_out_of_range"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({}, "/usage"),
        ({"usage": {"input_tokens": 1}, "text": "both"}, "/usage"),
        ({"usage": {"input_tokens": -1}}, "/usage/input_tokens"),
        ({"text": "a\0"}, "/text"),
        ({"text": 5}, "/text"),
        ({"text": "a", "max_output_tokens": "many"}, "/max_output_tokens"),
        ({"text": "a", "model": 3}, "/model"),
        ({"text": "a", "variant": []}, "/variant"),
        ({"text": "a", "colour/red": 1}, "/colour~1red"),
    ],
)
def test_malformed_bodies_are_pointed_at(funded: Workspace, body: Any, pointer: str) -> None:
    with pytest.raises(EventRejected) as caught:
        estimate(workspace=funded, raw=body)
    assert (caught.value.code, caught.value.pointer) == ("invalid_request", pointer)
