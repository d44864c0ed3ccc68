"""The 48-hour warning: topped up in time nothing stops, else the shutdown is signalled; each told once."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import QuerySet

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.book import open_book
from billing.ledger.records import OperationDraft
from billing.ledger.selectors import balance
from billing.ledger.services import overdraft_set
from billing.metering.allowances import terms_open
from billing.metering.hooks import Terms
from billing.plans.models import ShutdownWarning
from billing.plans.resources import hooks
from billing.plans.resources.cost import cover, lasts_until
from billing.plans.resources.hooks import Shutdown
from billing.plans.resources.selectors import standing
from billing.plans.resources.tests.conftest import CONTAINER, at, charged, delete, fund, put, work

pytestmark = pytest.mark.django_db
After = Callable[..., Any]


@pytest.fixture
def told() -> Iterator[list[Shutdown]]:
    """What a subscriber of shutdowns hears."""
    heard: list[Shutdown] = []
    hooks.resource_shutdown.append(heard.append)
    yield heard
    hooks.resource_shutdown.remove(heard.append)


@pytest.fixture
def fallen(customer: Workspace) -> Workspace:
    """A container for three days and a little: on the second day less than two days are left."""
    fund(customer, 3 * CONTAINER + 10)
    put(customer)
    assert state(customer, 1) == "running"
    work(at(2, 0, 0))
    assert state(customer, 2) == "warned"
    return customer


def state(workspace: Workspace, day: int) -> str:
    return standing(workspace.pk, at(day)).state


def mails() -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(kind__startswith="resources.")


def kinds() -> list[str]:
    return list(mails().order_by("pk").values_list("kind", flat=True))


def test_the_warning_says_when_and_how_much_to_those_who_manage_billing(fallen: Workspace) -> None:
    warning = ShutdownWarning.objects.get()
    assert (warning.warned_at, warning.shutdown_at) == (at(2, 0, 0), at(4, 0, 0))
    assert (warning.daily_cost, warning.balance) == (CONTAINER * NANO, (CONTAINER + 10) * NANO)
    mail = mails().get()
    assert mail.to == ["alice@example.com"]  # bob only looks
    assert mail.subject == "Northwind AI: resources will be shut down on 4 March, 00:00 UTC"
    assert "cost 134 credits a day. The balance is 144 credits: less" in mail.text
    assert f"/w/{fallen.public_id}/resources" in mail.text
    for hour in (1, 2, 23):
        work(at(2, hour))
    assert kinds() == ["resources.warning"]


def test_topped_up_in_time_the_warning_is_taken_back_at_once_and_nothing_stops(
    fallen: Workspace, told: list[Shutdown], django_capture_on_commit_callbacks: After
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        fund(fallen, 10 * CONTAINER, key="top-up", when=at(3, 23))
    assert standing(fallen.pk, at(3, 23)).state == "running"  # no job has looked yet
    for day in (4, 5, 6):
        work(at(day, 0, 0))
    assert state(fallen, 6) == "running"
    assert (kinds(), told) == (["resources.warning"], [])
    assert len(charged(fallen)) == 6


def test_too_small_a_top_up_changes_nothing(fallen: Workspace, django_capture_on_commit_callbacks: After) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        fund(fallen, 1, key="top-up", when=at(2, 12))
    work(at(2, 13))
    assert state(fallen, 2) == "warned"


def test_not_topped_up_the_shutdown_is_signalled_once_and_what_runs_on_is_recorded(
    fallen: Workspace, told: list[Shutdown], django_capture_on_commit_callbacks: After
) -> None:
    work(at(3, 23, 59))
    assert state(fallen, 3) == "warned"
    with django_capture_on_commit_callbacks(execute=True):
        for day in (4, 5, 6):
            work(at(day, 0, 0))
    warning = ShutdownWarning.objects.get()
    assert (warning.stopping_at, state(fallen, 6)) == (at(4, 0, 0), "stopping")
    assert told == [Shutdown(fallen.pk, warning.pk, warned_at=at(2, 0, 0), at=at(4, 0, 0))]
    assert kinds() == ["resources.warning", "resources.shutdown"]
    assert "are being shut down now" in mails().latest("pk").text
    assert [day for day, _ in charged(fallen)] == [f"03-0{day}" for day in range(1, 7)]
    assert balance(fallen.pk, at(6)).debt == (6 - 3) * CONTAINER * NANO - 10 * NANO


def test_topped_up_after_the_signal_they_run_again_and_the_next_fall_is_told_anew(
    fallen: Workspace, told: list[Shutdown], django_capture_on_commit_callbacks: After
) -> None:
    work(at(4, 0, 0))
    with django_capture_on_commit_callbacks(execute=True):
        fund(fallen, 4 * CONTAINER, key="top-up", when=at(4, 5))  # 10 credits and 3 days, after the debt
    assert state(fallen, 4) == "running"
    with django_capture_on_commit_callbacks(execute=True):
        for day in (5, 6, 7, 8):
            work(at(day, 0, 0))
    assert kinds() == [
        "resources.warning",
        "resources.shutdown",
        "resources.again",
        "resources.warning",
        "resources.shutdown",
    ]
    assert [news.at for news in told] == [at(8, 0, 0)]


def test_who_was_shut_down_is_told_once_when_things_may_run_again(
    fallen: Workspace, django_capture_on_commit_callbacks: After
) -> None:
    """Nothing runs any more, so no warning holds; a top-up is told what it makes possible."""
    before = ["resources.warning", "resources.shutdown"]
    work(at(4, 0, 0))
    delete(fallen, when=at(4, 1))
    work(at(4, 2))
    assert (state(fallen, 4), kinds()) == ("running", before)
    for key, credits, told in (("little", CONTAINER, 0), ("enough", 2 * CONTAINER, 1), ("more", 5, 1)):
        with django_capture_on_commit_callbacks(execute=True):
            fund(fallen, credits, key=key, when=at(5))
        assert kinds() == before + ["resources.again"] * told
    mail = mails().latest("pk")
    assert (mail.subject, mail.to) == ("Northwind AI: resources may run again", ["alice@example.com"])
    assert "what was shut down may be started again" in mail.text
    assert "They cost 134 credits a day" in mail.text


def test_what_may_run_again_is_what_ran_when_the_shutdown_was_signalled(
    fallen: Workspace, django_capture_on_commit_callbacks: After
) -> None:
    """More than when it was warned; and what is left of it is little by the time that credits come."""
    put(fallen, "web-2", 2, when=at(3))
    work(at(4, 0, 0))
    assert ShutdownWarning.objects.get().daily_cost == 3 * CONTAINER * NANO
    owed = balance(fallen.pk, at(4)).debt // NANO
    delete(fallen, "web-2", when=at(4, 1))
    with clock.at(at(4, 2)), django_capture_on_commit_callbacks(execute=True):
        fund(fallen, owed + 2 * CONTAINER, key="little", when=at(4, 2))
    assert (state(fallen, 4), kinds().count("resources.again")) == ("running", 0)  # enough for what is left only
    with clock.at(at(4, 3)), django_capture_on_commit_callbacks(execute=True):
        fund(fallen, 3 * CONTAINER, key="some", when=at(4, 3))
    assert kinds().count("resources.again") == 0
    for key in ("enough", "more"):
        with clock.at(at(4, 4)), django_capture_on_commit_callbacks(execute=True):
            fund(fallen, CONTAINER, key=key, when=at(4, 4))
        assert kinds().count("resources.again") == 1
    assert "They cost 402 credits a day" in mails().latest("pk").text


def test_what_was_started_again_meanwhile_is_not_told(
    fallen: Workspace, django_capture_on_commit_callbacks: After
) -> None:
    work(at(4, 0, 0))
    delete(fallen, when=at(4, 1))
    work(at(4, 2))
    put(fallen, "web-2", when=at(4, 3))
    delete(fallen, "web-2", when=at(4, 4))
    work(at(4, 5))
    with django_capture_on_commit_callbacks(execute=True):
        fund(fallen, 20 * CONTAINER, key="top-up", when=at(5))
    assert "resources.again" not in kinds()


def test_taken_back_before_the_signal_nothing_had_to_stop(
    fallen: Workspace, django_capture_on_commit_callbacks: After
) -> None:
    delete(fallen, when=at(3))
    work(at(3, 12))
    with django_capture_on_commit_callbacks(execute=True):
        fund(fallen, 20 * CONTAINER, key="top-up", when=at(5))
    assert kinds() == ["resources.warning"]


def test_the_48_hours_begin_with_the_warning_also_after_an_outage(fallen: Workspace) -> None:
    ShutdownWarning.objects.all().delete()
    work(at(9))
    assert ShutdownWarning.objects.get().shutdown_at == at(11)
    assert state(fallen, 9) == "warned"


def test_deleting_what_runs_ends_the_warning(fallen: Workspace) -> None:
    delete(fallen, when=at(2, 5))
    assert state(fallen, 2) == "running"
    work(at(4))
    assert kinds() == ["resources.warning"]


def test_a_resource_made_without_credits_is_recorded_and_warned_of_at_once(customer: Workspace) -> None:
    put(customer)
    assert (state(customer, 1), charged(customer)) == ("warned", [("03-01", CONTAINER)])


def test_overdraft_covers_and_what_is_on_hold_counts(customer: Workspace) -> None:
    fund(customer, 2 * CONTAINER)
    put(customer)
    with clock.at(at(1)):
        overdraft_set(workspace_id=customer.pk, limit=CONTAINER * NANO)
        assert cover(customer.pk, at(1)).enough
        with open_book(customer.pk) as book:
            draft = OperationDraft(namespace="test", key="h", request_hash=b"h" * 32, kind="hold.place")
            book.hold(operation=draft, amount=100 * NANO, expires_at=at(1, 12), origin="service")
    found = cover(customer.pk, at(1))
    assert (found.enough, found.balance) == (True, 2 * CONTAINER * NANO)


def test_what_the_plan_includes_is_not_asked_of_the_balance(customer: Workspace) -> None:
    terms_open(customer.pk, Terms("container_days", at(1, 0), at(31), Decimal(10)))
    put(customer, quantity=4)
    assert charged(customer) == [("03-01", 0)]
    found = cover(customer.pk, at(1))
    assert (found.enough, lasts_until(found, at(1))) == (False, at(3, 0, 0))
    assert found.daily_cost == 4 * CONTAINER * NANO
    put(customer, quantity=3, when=at(1, 10))
    assert cover(customer.pk, at(1, 10)).enough  # 6 are left for two days of 3


def test_days_that_wait_for_the_job_are_not_paid_yet(fallen: Workspace) -> None:
    fund(fallen, CONTAINER, key="top-up", when=at(3, 0, 0))  # 2 days and 10 credits, one day of which is due
    assert not cover(fallen.pk, at(3, 0, 1)).enough
    work(at(3, 0, 2))
    assert state(fallen, 3) == "warned"
    assert kinds() == ["resources.warning"]


def test_until_when_the_balance_lasts(customer: Workspace) -> None:
    assert lasts_until(cover(customer.pk, at(1)), at(1)) is None
    fund(customer, 5 * CONTAINER)
    put(customer)
    assert lasts_until(cover(customer.pk, at(1)), at(1)) == at(6, 0, 0)
    for day in range(2, 6):
        work(at(day, 0, 0))
    assert balance(customer.pk, at(5)).available == 0
    assert lasts_until(cover(customer.pk, at(5)), at(5)) == at(6, 0, 0)
