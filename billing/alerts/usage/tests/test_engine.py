"""The nearest balance at which an alert is due, and how many mails may go. Pure."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.alerts.usage.engine import DAY, MOST, PERCENTS, WEEK, Facts, bound, targets, way

START = datetime(2026, 3, 1, tzinfo=UTC)
nano = st.integers(0, 10**15)


@given(nano, nano, nano, nano, st.sets(st.sampled_from(PERCENTS)), st.none() | st.integers(1, 10**15), nano)
def test_the_bound_is_crossed_exactly_when_an_alert_is_reached(
    level: int, spent: int, granted: int, month: int, percents: set[int], cap: int | None, more: int
) -> None:
    """Spending `more` falls below the bound if, and only if, something that was ahead is reached by it."""
    before = targets(Facts(level, spent, granted, month), percents, cap)
    after = targets(Facts(level - more, spent + more, granted, month + more), percents, cap)
    new = [then for now, then in zip(before, after, strict=True) if then.reached and not now.reached]
    found = bound(level, before)
    assert (found is not None and level - more < found) == bool(new)


def test_without_credits_of_the_period_nothing_is_a_share_of_them() -> None:
    assert targets(Facts(10, 5, 0, 5), PERCENTS, None) == []
    assert bound(10, []) is None


moments = st.lists(
    st.tuples(st.integers(0, 9 * 24 * 60), st.sampled_from(["low", "50", "money", "stopped", "summary"])), max_size=60
)


@given(moments)
def test_never_ten_mails_in_any_seven_days(occasions: list[tuple[int, str]]) -> None:
    sent: list[tuple[datetime, str]] = []
    for minute, alert in sorted(occasions):
        now = START + timedelta(minutes=minute)
        if way(alert, sent, now) == "now":
            sent.append((now, alert))
    for at, _ in sent:
        assert sum(at - WEEK < other <= at for other, _ in sent) <= MOST
    waited = [at for at, what in sent if what != "stopped"]
    for place, at in enumerate(waited[3:], 3):  # beyond the first three, a day apart from the one before
        lately = [other for other in waited[:place] if other > at - WEEK]
        assert len(lately) < 3 or at - lately[-1] >= DAY


def test_that_credits_ran_out_does_not_wait_for_the_day() -> None:
    sent = [(START, "50"), (START, "75"), (START, "low")]
    hour = timedelta(hours=1)
    assert way("90", sent, START + hour) == "wait"
    assert way("stopped", sent, START + hour) == "now"
    sent.append((START + hour, "stopped"))
    assert way("stopped", sent, START + 2 * hour) == "wait"
    assert way("stopped", sent, START + DAY + hour) == "now"
    assert way("90", sent, START + DAY + hour) == "now"
