"""The made-up traffic: the same for the same seed, and shaped like work."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random

from portal.demo.traffic import WORK, Pace, day_events, latest_events

MONDAY = date(2026, 3, 2)


def day(number: int = 0, progress: float = 0.5, seed: int = 1) -> list[object]:
    return list(
        day_events(day=MONDAY + timedelta(days=number), progress=progress, pace=Pace(100, 300), rng=Random(seed))
    )


def test_same_seed_same_events() -> None:
    assert day(seed=1) == day(seed=1)
    assert day(seed=1) != day(seed=2)


def test_ids_are_unique_and_times_inside_the_day_in_order() -> None:
    events = day_events(day=MONDAY, progress=1.0, pace=Pace(100, 300), rng=Random(1))
    assert len({event.event_id for event in events}) == len(events)
    times = [event.occurred_at for event in events]
    assert times == sorted(times, key=lambda moment: moment or datetime.min.replace(tzinfo=UTC))
    assert {moment.date() for moment in times if moment} == {MONDAY}


def test_weekends_are_quieter_and_the_year_grows() -> None:
    assert len(day(5)) < 0.6 * len(day(0))
    assert len(day(0, progress=1.0)) > 2 * len(day(0, progress=0.0))


def test_new_models_come_during_the_year() -> None:
    start = {event.model for event in day_events(day=MONDAY, progress=0.0, pace=Pace(500, 500), rng=Random(1))}
    end = Counter(event.model for event in day_events(day=MONDAY, progress=1.0, pace=Pace(500, 500), rng=Random(1)))
    assert "openai/gpt-image-1" not in start
    assert set(end) == {work.model for work in WORK}


def test_a_day_that_is_not_over_ends_now() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    events = day_events(day=MONDAY, progress=0.5, pace=Pace(100, 300), rng=Random(1), until=noon)
    assert events
    assert all(event.occurred_at and event.occurred_at < noon for event in events)


def test_the_last_minutes_are_never_empty() -> None:
    now = datetime(2026, 3, 2, 0, 5, tzinfo=UTC)
    moments = [event.occurred_at for event in latest_events(now=now, count=3, rng=Random(1))]
    assert all(moment and now - timedelta(minutes=5) < moment < now for moment in moments)
