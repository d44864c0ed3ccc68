from decimal import Decimal

import pytest
from django.http import QueryDict

from billing.overview.pricequery import Asked, asked_of

FACE = Decimal("0.005")


def asked(query: str, *, own: bool = True) -> Asked:
    return asked_of(QueryDict(query), providers=["openai"], modalities=["text", "image"], own=own)


def test_what_is_asked_for_survives_a_link() -> None:
    query = "q=gpt&provider=openai&modality=text&free=1&min=1&max=2.5&sort=price&per=1m&in=usd&m=a%2Fb&m=c%2Fd"
    assert asked(query).link() == query
    assert asked(query + "&cursor=x").link() == query  # another list begins at its beginning
    assert asked(query).link(cursor="y") == query + "&cursor=y"
    assert asked("q=gpt").link(chosen=("a/b",)) == "q=gpt&per=1k&in=credits&m=a%2Fb"


@pytest.mark.parametrize(
    "query",
    [
        *("provider=x", "modality=x", "sort=x", "per=x", "in=x", "min=x", "min=-1", "max=NaN", "max=1e99"),
        *("min=" + "9" * 60, "m=", "m=%00", "q=%00"),
    ],
)
def test_what_makes_no_sense_is_left_out(query: str) -> None:
    assert asked(query) == Asked()


def test_four_are_compared_at_most_each_once() -> None:
    found = asked("m=a&m=b&m=a&m=c&m=d&m=e")
    assert found.chosen == ("a", "b", "c", "d")
    assert found.full


def test_only_who_has_usage_can_sort_by_it() -> None:
    assert asked("sort=cost").sort == "cost"
    assert asked("sort=cost", own=False).sort == ""


@pytest.mark.parametrize(
    ("query", "unit", "usd"),
    [
        ("modality=text&max=0.5&in=credits&per=1k", "1K tokens", "2.5"),
        ("modality=text&max=500&in=credits&per=1m", "1M tokens", "2.5"),
        ("modality=text&max=2.5&in=usd&per=1m", "1M tokens", "2.5"),
        ("modality=image&max=10&in=credits&per=1k", "image", "0.05"),
        ("max=10", "typical request", "0.05"),
    ],
)
def test_bounds_mean_what_the_page_shows(query: str, unit: str, usd: str) -> None:
    found = asked(query)
    assert found.unit == unit
    assert found.usd(found.high, FACE) == Decimal(usd)


def test_bounds_keep_their_meaning_in_other_units() -> None:
    found = asked("modality=text&min=0.5&max=1&in=credits&per=1k")
    for scale, currency in (("1m", ""), ("", "usd"), ("1m", "usd")):
        other = asked(found.in_units(usd_per_credit=FACE, scale=scale, currency=currency))
        assert other.usd(other.low, FACE) == found.usd(found.low, FACE)
        assert other.usd(other.high, FACE) == found.usd(found.high, FACE)
