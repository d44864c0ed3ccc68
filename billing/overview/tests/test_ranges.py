from datetime import date

import pytest

from billing.overview.ranges import day_range

TODAY = date(2026, 3, 14)


@pytest.mark.parametrize(
    ("name", "first"), [("7", date(2026, 3, 8)), ("30", date(2026, 2, 13)), ("90", date(2025, 12, 15))]
)
def test_presets_end_today(name: str, first: date) -> None:
    found = day_range({"range": name}, today=TODAY)
    assert (found.first, found.last, found.days) == (first, TODAY, int(name))
    assert found.query == {"range": name}


def test_unknown_preset_is_the_default() -> None:
    assert day_range({"range": "12; DROP"}, today=TODAY).preset == "30"


def test_chosen_dates_are_kept_in_links() -> None:
    found = day_range({"from": "2026-01-01", "to": "2026-01-31"}, today=TODAY)
    assert found.days == 31
    assert found.query == {"from": "2026-01-01", "to": "2026-01-31"}


def test_dates_the_wrong_way_round_are_turned() -> None:
    found = day_range({"from": "2026-02-01", "to": "2026-01-31"}, today=TODAY)
    assert found.first < found.last


def test_dates_that_cannot_be_read_say_so() -> None:
    found = day_range({"from": "31.1.2026"}, today=TODAY)
    assert found.preset == "30"
    assert "could not be read" in found.problem


def test_the_beginning_of_all_calendars_has_no_month_before_it() -> None:
    assert "could not be read" in day_range({"to": "0001-01-01"}, today=TODAY).problem


def test_a_page_holds_at_most_a_year() -> None:
    found = day_range({"from": "2020-01-01", "to": "2026-01-31"}, today=TODAY)
    assert found.days == 366
    assert "2025" in found.problem
