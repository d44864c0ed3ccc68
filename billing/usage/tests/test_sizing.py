"""What a hold is sized from: what was given, what the workspace's requests usually are, or the worst case."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.metering.errors import EventRejected
from billing.plans.limits import limits_for
from billing.pricing.book import prices_for
from billing.usage.expected import hold_size
from billing.usage.history import percentile
from billing.usage.sizing import Sized
from billing.usage.tests.conftest import MINI, NOW, Past
from billing.usage.wanted import parse_hold_wanted

TTS = "elevenlabs/eleven_flash_v2_5"


def sized(workspace: Workspace, **body: Any) -> Sized:
    asked = parse_hold_wanted({"model": MINI} | body)
    prices = prices_for(asked.wanted.model)
    assert prices is not None
    return hold_size(asked, prices, workspace_id=workspace.pk, limits=limits_for(workspace.pk), now=NOW)


def output(size: Sized) -> tuple[Decimal, str]:
    return size.usage["output_tokens"], size.basis


@pytest.mark.parametrize(
    ("count", "place"), [(1, 1), (2, 2), (19, 19), (20, 19), (21, 20), (40, 38), (100, 95), (200, 190)]
)
def test_the_95th_percentile_is_a_value_that_occurred(count: int, place: int) -> None:
    assert percentile(range(1, count + 1), 95) == place
    assert percentile(range(1, count + 1), 50) == -(-count // 2)


def test_given_usage_is_taken_as_it_is(funded: Workspace, past: Past) -> None:
    past([1000] * 20)
    size = sized(funded, usage={"input_tokens": 900, "output_tokens": 300}, max_output_tokens=50)
    assert (size.usage, size.basis) == ({"input_tokens": 900, "output_tokens": 300}, "given")
    assert sized(funded, usage={"input_tokens": 900}).usage == {"input_tokens": 900}
    speech = sized(funded, model=TTS, text="Grüß Gott 👋")
    assert (speech.usage, speech.basis) == ({"input_characters": 11}, "given")


def test_without_history_the_longest_answer_asked_for_is_held_for(funded: Workspace) -> None:
    size = sized(funded, text="a" * 401, max_output_tokens=300)
    assert (size.usage, size.basis) == ({"input_tokens": 134, "output_tokens": 300}, "worst_case")
    partly = sized(funded, usage={"input_tokens": 900}, max_output_tokens=300)
    assert (partly.usage, partly.basis) == ({"input_tokens": 900, "output_tokens": 300}, "worst_case")


def test_without_history_and_limit_all_that_the_model_can_answer_is_held_for(funded: Workspace) -> None:
    assert output(sized(funded, text="a" * 400)) == (128_000 - 134, "worst_case")
    size = sized(funded, model="anthropic/claude-sonnet-4-5", text="hi")
    assert output(size) == (131_072, "worst_case")
    assert "max_output_tokens" in size.note


def test_with_history_nineteen_of_twenty_answers_are_covered(funded: Workspace, past: Past) -> None:
    past([10 * n for n in range(1, 20)] + [90_000])
    size = sized(funded, text="hi")
    assert output(size) == (190, "history")
    assert "95% of the last 20 requests of this workspace to openai/gpt-4o-mini" in size.note
    assert output(sized(funded, text="hi", max_output_tokens=100)) == (100, "history")


def test_nineteen_requests_are_too_few_to_go_by(funded: Workspace, past: Past) -> None:
    past([10] * 19)
    assert output(sized(funded, text="hi", max_output_tokens=300)) == (300, "worst_case")


def test_a_task_is_sized_by_its_own_requests(funded: Workspace, past: Past) -> None:
    past([10] * 20, task="title")
    past([800] * 20, task="chat")
    assert output(sized(funded, text="hi", task="title")) == (10, "history")
    assert output(sized(funded, text="hi", task="chat")) == (800, "history")
    assert output(sized(funded, text="hi")) == (800, "history")
    assert output(sized(funded, text="hi", task="poem", max_output_tokens=5)) == (5, "worst_case")


def test_only_the_latest_two_hundred_of_thirty_days_count(funded: Workspace, past: Past) -> None:
    past([5_000] * 20, ago=timedelta(days=31))
    assert sized(funded, text="hi").basis == "worst_case"
    past([900] * 30, ago=timedelta(days=2))
    past([100] * 200)
    assert output(sized(funded, text="hi")) == (100, "history")


def test_other_models_and_workspaces_say_nothing(funded: Workspace, past: Past) -> None:
    past([10] * 20, model="openai/gpt-4o")
    assert sized(funded, text="hi", max_output_tokens=7).basis == "worst_case"
    past([10] * 20)
    other = Workspace.objects.create(name="Other")
    assert sized(other, text="hi", max_output_tokens=7).basis == "worst_case"


def test_a_model_alone_is_sized_by_what_its_requests_cost(funded: Workspace, past: Past) -> None:
    past([10 * n for n in range(1, 20)], task="chat")
    past([5], task="chat", inputs=500_000)
    size = sized(funded, task="chat")
    assert (size.usage, size.basis) == ({"input_tokens": 10, "output_tokens": 190}, "history")
    assert sized(funded, task="chat", max_output_tokens=50).usage["output_tokens"] == 50


@pytest.mark.parametrize("body", [{}, {"model": ""}, {"max_output_tokens": 5}])
def test_a_model_alone_without_history_says_what_to_send(funded: Workspace, past: Past, body: dict[str, Any]) -> None:
    past([10] * 19)
    with pytest.raises(EventRejected) as caught:
        sized(funded, **body)
    assert (caught.value.code, caught.value.pointer) == ("invalid_request", "/usage")
    assert "Give usage, text or max_credits" in caught.value.detail


def test_so_many_credits_need_no_usage(funded: Workspace) -> None:
    size = sized(funded, max_credits="2.5")
    assert (size.usage, size.basis) == ({}, "max_credits")
    size = sized(funded, max_credits=2, usage={"input_tokens": 1})
    assert (size.usage, size.basis) == ({"input_tokens": 1}, "max_credits")


# Tokens of real texts (the dearer of cl100k and o200k): what is held for must not be far below them.
@pytest.mark.parametrize(
    ("text", "held", "real"),
    [
        ("价格" * 725, 1450, 1750),
        ("値段" * 700, 1400, 1600),
        ("цена за год " * 129, 903, 800),
        ("def price(x):\n    return x\n" * 90, 780, 1150),
    ],
)
def test_a_text_of_any_script_is_held_for(funded: Workspace, text: str, held: int, real: int) -> None:
    size = sized(funded, text=text, max_output_tokens=1)
    assert size.usage["input_tokens"] == -(-len(text.encode()) // 3)
    assert held - 30 <= size.usage["input_tokens"] <= held + 30
    assert size.usage["input_tokens"] > real * Decimal("0.65")
    assert "3 bytes" in size.note


def test_a_plans_limit_goes_by_the_usual_tokens_of_a_text(funded: Workspace) -> None:
    assert sized(funded, text="a" * 400, max_output_tokens=5).asked == {"input_tokens": 100, "output_tokens": 5}
    embedding = sized(funded, model="openai/text-embedding-3-small", text="a" * 400)
    assert (embedding.usage, embedding.asked) == ({"input_tokens": 134}, {"input_tokens": 100})
