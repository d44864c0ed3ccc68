"""Every process's view of the catalogue."""

from decimal import Decimal
from threading import Thread

import pytest

from billing.pricing import book
from billing.pricing.approvals import markup_add
from billing.pricing.book import prices_for, prices_of
from billing.pricing.models import PriceLine, PriceRevision
from billing.pricing.services import import_reading
from billing.pricing.testing import demo_reading, import_demo_prices
from billing.pricing.tests.builders import NOON, rated

pytestmark = pytest.mark.django_db

USAGE = {"input_tokens": 900, "output_tokens": 300}


@pytest.fixture
def _demo(db: None) -> None:
    import_demo_prices()


@pytest.mark.usefixtures("_demo")
def test_no_event_asks_the_database(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    prices_for("openai/gpt-4o-mini")
    with django_assert_num_queries(0):
        for _ in range(100):
            prices = prices_for("openai/gpt-4o-mini")
            assert prices is not None
            assert rated(prices, USAGE).nano == 63_000_000
        assert prices_for("acme/unknown") is None
        assert prices_for("") is not None


@pytest.mark.usefixtures("_demo")
def test_a_page_of_models_is_one_query(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    prices_for("")
    keys = [("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("deepgram", "nova-3")]
    with django_assert_num_queries(1):
        found = prices_of(keys)
    assert {key: prices.model for key, prices in found.items()} == {key: key[1] for key in keys}
    with django_assert_num_queries(0):
        assert prices_for("openai/gpt-4o") is found["openai", "gpt-4o"]


@pytest.mark.usefixtures("_demo")
def test_other_processes_notice_within_the_revalidation_time(monkeypatch: pytest.MonkeyPatch) -> None:
    prices_for("openai/gpt-4o-mini")
    # Another process changes a price: this one hears nothing but sees the revision when it looks again.
    PriceLine.objects.filter(model="gpt-4o-mini", meter="input_tokens", dims={}).update(price=Decimal("0.3"))
    PriceRevision.objects.update(number=1000)
    same = prices_for("openai/gpt-4o-mini")
    assert same is not None
    assert rated(same, USAGE).usd == Decimal("0.000315")
    moment = book._kept._kept[""][0]
    monkeypatch.setattr("billing.foundation.cache.time.monotonic", lambda: moment + 0.001)
    fresh = prices_for("openai/gpt-4o-mini")
    assert fresh is not None
    assert rated(fresh, USAGE).usd == Decimal("0.00045")
    assert book.CHECK_EVERY <= 30


@pytest.mark.usefixtures("_demo")
def test_an_unchanged_revision_keeps_what_was_read(
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries,  # type: ignore[no-untyped-def]
) -> None:
    kept = prices_for("openai/gpt-4o-mini")
    moment = book._kept._kept[""][0]
    monkeypatch.setattr("billing.foundation.cache.time.monotonic", lambda: moment + 0.001)
    with django_assert_num_queries(1):
        assert prices_for("openai/gpt-4o-mini") is kept


@pytest.mark.usefixtures("_demo")
def test_a_change_in_this_process_is_seen_at_once() -> None:
    before = prices_for("openai/gpt-4o-mini")
    markup_add(percent=Decimal(20), by="a test", since_ever=True)
    after = prices_for("openai/gpt-4o-mini")
    assert before is not None
    assert after is not None
    assert (rated(before, USAGE).usd, rated(after, USAGE).usd) == (Decimal("0.000315"), Decimal("0.000378"))


@pytest.mark.usefixtures("_demo")
def test_importing_the_demo_twice_changes_nothing() -> None:
    lines = PriceLine.objects.count()
    import_demo_prices()
    assert import_reading(demo_reading("bundled")).noop
    assert PriceLine.objects.count() == lines


@pytest.mark.usefixtures("_demo")
def test_threads_share_one_answer() -> None:
    first = prices_for("openai/gpt-4o-mini")
    assert first is not None
    nanos: list[int] = []

    def work() -> None:
        for _ in range(200):
            prices = prices_for("gpt-4o-mini")
            assert prices is first
            nanos.append(rated(prices, USAGE, {"tier": "batch"}, at=NOON).nano)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(nanos) == {31_500_000}
    assert len(nanos) == 1600
