"""Versions are published, and plans retired, at the time that staff decided, as they were decided about."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.credits import clock
from billing.foundation import hostclock
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.registry import run_due
from billing.foundation.seen import SeenChanged, facts_digest
from billing.plans.models import Plan, PlanVersion
from billing.plans.publishing import draft_save, version_publish
from billing.plans.scheduling import version_schedule, version_unschedule
from billing.plans.selectors import plans_on_offer
from billing.plans.shown import version_facts
from billing.plans.tests.test_catalogue import FIELDS, url
from billing.plans.tests.test_drafts import seen_of

NOW = clock.now()
LATER = (NOW + timedelta(days=3)).replace(microsecond=0)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser(email="root@example.com", password="x")


@pytest.fixture
def staff(root: User) -> Client:
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def draft(db: None) -> PlanVersion:
    plan = Plan.objects.create(key="team", name="Team")
    return draft_save(version=PlanVersion(plan=plan, monthly_price_cents=1_000), credit_tiers=[])


def seen(draft: PlanVersion) -> str:
    return facts_digest(version_facts(draft, list(draft.credit_tiers.all())))


def schedule(draft: PlanVersion, by: User, at: datetime = LATER) -> PlanVersion:
    return version_schedule(version=draft, at=at, seen=seen(draft), actor=by)


def pass_to(at: datetime, monkeypatch: Any) -> None:
    with monkeypatch.context() as patched, clock.at(at):
        patched.setattr(hostclock, "present", lambda: at)
        assert [run.error for run in run_due(only="plan_schedule")] == [""]


def state(draft: PlanVersion) -> tuple[bool, Any]:
    draft.refresh_from_db()
    return draft.published_at is not None, draft.publish_at


def test_it_is_published_at_its_time_and_not_before(draft: PlanVersion, root: User, monkeypatch: Any) -> None:
    schedule(draft, root)
    assert draft not in plans_on_offer()
    pass_to(LATER - timedelta(seconds=1), monkeypatch)
    assert state(draft) == (False, LATER)
    pass_to(LATER, monkeypatch)
    assert state(draft) == (True, None)
    assert draft in plans_on_offer()
    entry = AuditEntry.objects.get(action="plan.version_published")
    assert (entry.actor_label, entry.target) == ("as root@example.com decided", "Team v1")


def test_a_changed_draft_waits_for_another_decision(draft: PlanVersion, root: User, monkeypatch: Any) -> None:
    schedule(draft, root)
    draft_save(version=draft, credit_tiers=[], actor=root)
    pass_to(LATER, monkeypatch)
    assert state(draft) == (False, None)
    entry = AuditEntry.objects.get(action="plan.version_unscheduled")
    assert (entry.actor, entry.reason) == (root, "The draft was changed.")


def test_what_was_decided_about_is_what_is_there(draft: PlanVersion, root: User) -> None:
    before = seen(draft)
    draft.monthly_price_cents = 2_000
    draft_save(version=draft, credit_tiers=[])
    with pytest.raises(SeenChanged):
        version_schedule(version=draft, at=LATER, seen=before, actor=root)
    with pytest.raises(ValidationError, match="still to come"):
        schedule(draft, root, at=NOW - timedelta(minutes=1))
    assert state(draft) == (False, None)


def test_what_cannot_be_published_any_more_stays_a_draft_and_says_why(
    draft: PlanVersion, root: User, monkeypatch: Any
) -> None:
    schedule(draft, root)
    other = PlanVersion(plan=draft.plan, periods=PlanVersion.Periods.CALENDAR)
    version_publish(version=other, actor=root)
    pass_to(LATER, monkeypatch)
    assert state(draft) == (False, None)
    assert "same kind of months" in AuditEntry.objects.get(action="plan.version_unscheduled").reason
    pass_to(LATER, monkeypatch)
    assert AuditEntry.objects.filter(action="plan.version_unscheduled").count() == 1


def test_taken_back_once(draft: PlanVersion, root: User, monkeypatch: Any) -> None:
    schedule(draft, root)
    assert version_unschedule(version=draft, actor=root, reason="not yet", request=None)
    assert not version_unschedule(version=draft, actor=root, reason="not yet", request=None)
    pass_to(LATER, monkeypatch)
    assert state(draft) == (False, None)
    assert AuditEntry.objects.filter(action="plan.version_unscheduled").count() == 1


def test_a_published_version_waits_for_nothing(draft: PlanVersion, root: User) -> None:
    schedule(draft, root)
    version_publish(version=draft, actor=root)
    assert state(draft) == (True, None)
    with pytest.raises(IntegrityError), transaction.atomic():
        PlanVersion.objects.create(plan=draft.plan, number=9, published_at=NOW, publish_at=LATER)


def test_staff_schedule_and_take_back(staff: Client, draft: PlanVersion) -> None:
    page = reverse("admin:plans_planversion_schedule", args=[draft.pk])
    sent = {"key": "a", "seen": seen_of(staff, page), "publish_at_0": f"{LATER:%Y-%m-%d}", "publish_at_1": "06:30"}
    assert staff.post(page, sent).status_code == 302
    at = LATER.replace(hour=6, minute=30, second=0)
    assert state(draft) == (False, at)
    assert f"from {at:%-d %b %Y, %H:%M}" in staff.get(url("changelist")).content.decode()
    back = reverse("admin:plans_planversion_unschedule", args=[draft.pk])
    assert "root@example.com" in staff.get(back).content.decode()
    assert state(draft) == (False, at)
    assert staff.post(back, {"key": "b", "reason": "not yet", "confirmed": "on"}).status_code == 302
    assert state(draft) == (False, None)
    assert staff.get(back).status_code == 404


def test_saving_a_scheduled_draft_says_that_it_waits_no_more(staff: Client) -> None:
    plan = Plan.objects.create(key="team", name="Team")
    staff.post(url("add"), FIELDS | {"plan": plan.pk})
    draft = PlanVersion.objects.get(plan=plan)
    schedule(draft, User.objects.get(email="root@example.com"))
    said = staff.post(url("change", draft.pk), FIELDS, follow=True).content.decode()
    assert "schedule it again" in said
    assert state(draft) == (False, None)


def test_a_plan_closes_at_its_time(staff: Client, monkeypatch: Any) -> None:
    plan = Plan.objects.get(key="pro")
    page = reverse("admin:plans_plan_change", args=[plan.pk])
    sent = {"name": plan.name, "position": "1", "visibility": "public", "retires_at_0": f"{LATER:%Y-%m-%d}"}
    assert staff.post(page, sent | {"retires_at_1": f"{LATER:%H:%M:%S}"}).status_code == 302
    pass_to(LATER - timedelta(seconds=1), monkeypatch)
    assert "pro" in {version.plan.key for version in plans_on_offer()}
    pass_to(LATER, monkeypatch)
    plan.refresh_from_db()
    assert (plan.visibility, plan.retires_at) == ("retired", None)
    assert "pro" not in {version.plan.key for version in plans_on_offer()}
    assert AuditEntry.objects.filter(action="plan.visibility").first().after["visibility"] == "retired"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("visibility", "day", "said"),
    [("retired", LATER, "closed already"), ("public", NOW - timedelta(days=2), "still to come")],
)
def test_a_time_that_makes_no_sense(staff: Client, visibility: str, day: datetime, said: str) -> None:
    plan = Plan.objects.get(key="pro")
    page = reverse("admin:plans_plan_change", args=[plan.pk])
    sent = {"name": plan.name, "position": "1", "visibility": visibility}
    answer = staff.post(page, sent | {"retires_at_0": f"{day:%Y-%m-%d}", "retires_at_1": "00:00"})
    assert said in answer.content.decode()
    plan.refresh_from_db()
    assert plan.retires_at is None


def test_the_preview_is_in_the_frame_that_customers_see(staff: Client) -> None:
    version = PlanVersion.objects.get(plan__key="business")
    page = staff.get(reverse("admin:plans_planversion_preview", args=[version.pk])).content.decode()
    for text in ("Paid by the month", "plancard", "As a customer sees it", "Back to the admin"):
        assert text in page
    assert "<form" not in page
    assert "See what changes" not in page
