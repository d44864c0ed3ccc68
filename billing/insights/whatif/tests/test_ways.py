"""Ways to use fewer credits: what each saves is what the linked comparison says."""

from decimal import Decimal
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Workspace
from billing.insights.whatif.asked import Question, question
from billing.insights.whatif.caching import CACHED, INPUT, WRITTEN, cached_to
from billing.insights.whatif.query import answer
from billing.insights.whatif.tests.conftest import GPT, MINI, SONNET, TTS, Use
from billing.insights.whatif.utility import Candidate, Work, cheapest, is_utility
from billing.insights.whatif.ways import Way, ways
from billing.metering.tests.pricing import price_appears
from billing.pricing.tariff import ModelPrices
from billing.pricing.tests.builders import NOON, M, model, point


def linked(workspace: Workspace, way: Way) -> int:
    """What the page that a way links to says."""
    asked = question({name: values[0] for name, values in parse_qs(way.question.link(), True).items()})
    assert asked == way.question
    found = answer(workspace, asked).models
    assert found is not None
    return found.total.saved


def test_without_usage_there_is_nothing_to_say(shop: Workspace) -> None:
    found = ways(shop, count=30, share=None)
    assert (found.has_usage, found.caching, found.utility) == (False, [], [])


def test_large_inputs_are_taken_to_the_best_share_of_the_workspace(shop: Workspace, use: Use) -> None:
    use(GPT, times=10, agent="good", task="chat", input_tokens=10_000, cached_input_tokens=6_000, output_tokens=9)
    use(GPT, times=10, agent="poor", task="chat", input_tokens=10_000, cached_input_tokens=1_000, output_tokens=9)
    use(GPT, times=10, agent="small", task="chat", input_tokens=700, output_tokens=9)
    use(GPT, times=9, agent="rare", task="chat", input_tokens=10_000, output_tokens=9)
    found = ways(shop, count=30, share=None)
    assert (found.share, found.best_percent) == (60, 60)
    (way,) = found.caching
    assert way.work.agent == "poor"
    # 5,000 tokens a request at $1.25 instead of $2.50 a million: 1.25 credits each
    assert way.sums.saved == found.caching_saves == linked(shop, way) == 10 * 1_250_000_000


def test_without_an_example_a_share_is_assumed_and_can_be_changed(shop: Workspace, use: Use) -> None:
    use(GPT, times=10, task="chat", input_tokens=10_000, output_tokens=9)
    found = ways(shop, count=30, share=None)
    assert (found.share, found.best_percent) == (50, 0)
    half, most = found.caching_saves, ways(shop, count=30, share=90).caching_saves
    assert half == 10 * 1_250_000_000
    assert most == 10 * 2_250_000_000


def test_writing_to_the_cache_is_paid_for(shop: Workspace, use: Use) -> None:
    use(SONNET, times=10, task="chat", input_tokens=10_000, output_tokens=9)
    found = ways(shop, count=30, share=50)
    # 4,500 read at $0.30 instead of $3, 500 written at $3.75 instead of $3
    assert found.caching_saves == 10 * round((4_500 * 2.7 - 500 * 0.75) / M / 0.005 * 10**9)
    assert found.caching_saves == linked(shop, found.caching[0])


def test_a_simple_task_goes_to_a_cheaper_model_that_is_used_already(shop: Workspace, use: Use) -> None:
    use(GPT, times=10, task="Summarization", input_tokens=900, output_tokens=600)
    use(GPT, times=10, task="chat", input_tokens=900, output_tokens=600)
    use(MINI, times=2, task="chat", input_tokens=900, output_tokens=600)
    found = ways(shop, count=30, share=None)
    (way,) = found.utility
    assert (way.work.task, way.target, way.used) == ("Summarization", MINI, True)
    each = (900 * (2.5 - 0.15) + 600 * (10 - 0.6)) / M / 0.005
    assert way.sums.saved == found.utility_saves == linked(shop, way) == 10 * round(each * 10**9)


def test_else_to_the_cheapest_of_the_same_provider(shop: Workspace, use: Use) -> None:
    price_appears("acme/tiny", input_tokens="0.01", output_tokens="0.02")
    use(GPT, times=10, task="classify", input_tokens=900, output_tokens=5)
    (way,) = ways(shop, count=30, share=None).utility
    assert (way.target, way.used) == (MINI, False)


def test_nothing_to_save_where_the_cheapest_is_used(shop: Workspace, use: Use) -> None:
    use(MINI, times=10, task="classify", input_tokens=900, output_tokens=5)
    use(TTS, times=10, task="title", input_characters=900)
    found = ways(shop, count=30, share=None)
    assert (found.has_usage, found.caching, found.utility) == (True, [], [])


@pytest.mark.parametrize(
    ("task", "output", "simple"),
    [
        ("summarization", 5_000, True),
        ("action_inference", 900, True),
        ("Intent-Detection", 900, True),
        ("chat", 900, False),
        ("chat", 150, True),  # short answers
        ("", 20, False),  # nobody knows what it is
    ],
)
def test_what_a_simple_task_is(task: str, output: int, simple: bool) -> None:
    work = Work("acme", "m1", task, "", {INPUT: Decimal(9_000), "output_tokens": Decimal(10 * output)}, 1, 10)
    assert is_utility(work) is simple


def small(name: str, price: str) -> ModelPrices:
    prices = model(point("input_tokens", price, M), point("output_tokens", price, M))
    return ModelPrices("acme", name, prices.points, prices.markups, modality="text")


def test_a_candidate_must_have_room_for_the_input() -> None:
    work = Work("acme", "large", "title", "", {INPUT: Decimal(90_000), "output_tokens": Decimal(50)}, 1, 10)
    present = Candidate(small("large", "5"), 100_000, used=True)
    narrow, wide = Candidate(small("a", "1"), 30_000, used=False), Candidate(small("b", "2"), 36_000, used=False)
    free = Candidate(small("c", "0"), None, used=False)
    assert cheapest(work, [present, narrow, wide, free], at=NOON) is wide
    assert cheapest(work, [present, narrow, free], at=NOON) is None
    assert cheapest(work, [narrow, wide], at=NOON) is None  # what it costs now is not known


@given(
    st.integers(0, 500_000), st.integers(0, 100), st.integers(0, 100), st.integers(0, 95), st.booleans(),
)  # fmt: skip
def test_more_caching_never_changes_how_much_there_was(
    sent: int, cached: int, written: int, percent: int, writes: bool
) -> None:
    had = {
        INPUT: Decimal(sent),
        CACHED: Decimal(sent * cached // 200),
        WRITTEN: Decimal(sent * written // 200),
        "output_tokens": Decimal(9),
    }
    new = cached_to(percent, writes=writes)(had)
    assert (new[INPUT], new["output_tokens"]) == (had[INPUT], had["output_tokens"])
    assert new[CACHED] >= had[CACHED]
    assert new[WRITTEN] >= had[WRITTEN]
    assert new[CACHED] + new[WRITTEN] <= new[INPUT]
    if not writes:
        assert new[CACHED] <= max(had[CACHED], Decimal(sent * percent // 100))


def test_the_address_says_the_question() -> None:
    asked = question({"days": "90", "of": GPT, "model": f" {MINI}\0", "cached": "999", "task": "", "on": "?"})
    assert asked == Question(days=90, of=GPT, model=MINI, cached=95, task="")
    assert question({"days": "x", "cached": "-1", "plan": "pro", "on": "plan"}) == Question(on="plan", plan="pro")
    assert not question({}).complete
