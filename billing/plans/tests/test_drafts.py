"""What staff type is not lost: a new version begins as the newest one, and one published meanwhile says so."""

import re
import threading
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.credits import clock
from billing.plans.adminversions import PlanVersionAdmin
from billing.plans.ladder import tiers_written
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.plans.publishing import DraftGone, DraftPublished, draft_delete, draft_save, version_publish
from billing.plans.services import plan_start
from billing.plans.subscribing.tests.test_in_between import _until_one_waits
from billing.plans.tests.test_catalogue import FIELDS, url


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(email="root@example.com", password="x"))
    return client


def fields_of(page: str) -> dict[str, str]:
    """Names and values of the form, as a browser would send them."""
    found = dict(re.findall(r'<input[^>]*?name="([a-z_]+)"[^>]*?value="([^"]*)"', page))
    found |= {
        name: text.strip()
        for name, text in re.findall(r'<textarea[^>]*?name="([a-z_]+)"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    }
    for name, options in re.findall(r'<select[^>]*?name="([a-z_]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = chosen.group(1) if chosen else ""
    return {name: text.replace("&quot;", '"').replace("&#x27;", "'") for name, text in found.items()}


def seen_of(staff: Client, page: str) -> str:
    """The digest of what a page of an action shows."""
    return re.findall(r'name="seen"[^>]*value="([0-9a-f]{64})"', staff.get(page).content.decode())[0]


def test_a_new_version_begins_as_a_copy_of_the_newest(staff: Client) -> None:
    plan = Plan.objects.get(key="business")
    newest = PlanVersion.objects.get(plan=plan)
    assert newest.credit_tiers.exists()
    chooser = staff.get(url("add")).content.decode()
    assert f"?plan={plan.pk}" in chooser
    assert "begins as a copy of version 1" in chooser
    page = staff.get(url("add"), {"plan": plan.pk}).content.decode()
    sent = fields_of(page)
    assert staff.post(url("add"), sent).status_code == 302
    made = PlanVersion.objects.get(plan=plan, number=2)
    own = {"id", "number", "published_at", "publish_at", "publish_by", "plan_id"}
    for field in PlanVersion._meta.concrete_fields:
        if field.attname not in own:
            assert getattr(made, field.attname) == getattr(newest, field.attname), field.name
    assert made.published_at is None
    assert tiers_written(made.credit_tiers.all()) == tiers_written(newest.credit_tiers.all())


def test_a_plan_without_a_version_begins_with_nothing(staff: Client) -> None:
    plan = Plan.objects.create(key="team", name="Team")
    assert "has no version yet" in staff.get(url("add")).content.decode()
    sent = fields_of(staff.get(url("add"), {"plan": plan.pk}).content.decode())
    assert (sent["plan"], sent["monthly_price_cents"]) == (str(plan.pk), "0")
    assert staff.get(url("add"), {"plan": "x"}).status_code == 200


def test_what_was_typed_into_a_published_one_becomes_the_next_version(staff: Client, alice: User) -> None:
    plan = Plan.objects.create(key="team", name="Team")
    staff.post(url("add"), FIELDS | {"plan": plan.pk})
    draft = PlanVersion.objects.get(plan=plan)
    version_publish(version=PlanVersion.objects.get(pk=draft.pk), actor=alice)
    typed = FIELDS | {"support": "By telephone, day and night", "monthly_credits": "4321"}
    answer = staff.post(url("change", draft.pk), typed)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Nothing of this was saved" in page
    assert "By telephone, day and night" in page
    assert 'name="_saveasnew"' in page
    assert staff.post(url("change", draft.pk), fields_of(page) | {"_saveasnew": "1"}).status_code == 302
    made = PlanVersion.objects.get(plan=plan, number=2)
    assert (made.support, made.monthly_credits) == ("By telephone, day and night", 4_321 * 10**9)
    assert made.published_at is None
    draft.refresh_from_db()
    assert draft.support == "E-mail"
    with pytest.raises(DraftPublished):
        draft_save(version=draft, credit_tiers=[])


@pytest.mark.django_db(transaction=True)
def test_saving_a_draft_that_is_being_published_says_so(staff: Client, alice: User) -> None:
    """Whoever saves waits for who publishes, and sees what they typed again."""
    plan = Plan.objects.create(key="team", name="Team")
    staff.post(url("add"), FIELDS | {"plan": plan.pk})
    draft = PlanVersion.objects.get(plan=plan)
    found: list[Any] = []

    def save() -> None:
        try:
            found.append(staff.post(url("change", draft.pk), FIELDS | {"support": "By telephone"}))
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=save)
    with transaction.atomic():
        version_publish(version=PlanVersion.objects.get(pk=draft.pk), actor=alice)
        thread.start()
        _until_one_waits()
    thread.join(20)
    (answer,) = found
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "was published meanwhile" in page
    assert "By telephone" in page
    draft.refresh_from_db()
    assert draft.support == "E-mail"
    assert draft.credit_tiers.count() == 1
    assert staff.get(reverse("admin:plans_planversion_change", args=[draft.pk])).status_code == 200


def draft_of(staff: Client) -> PlanVersion:
    plan = Plan.objects.create(key="team", name="Team")
    staff.post(url("add"), FIELDS | {"plan": plan.pk})
    return PlanVersion.objects.get(plan=plan)


def test_what_was_deleted_or_published_meanwhile_is_said(staff: Client, alice: User) -> None:
    """Between the look at a draft and what is done with it."""
    gone = draft_of(staff)
    stale = PlanVersion.objects.get(pk=gone.pk)
    draft_delete(gone.pk)
    for act in (
        lambda: draft_delete(stale.pk),
        lambda: draft_save(version=stale, credit_tiers=[]),
        lambda: version_publish(version=stale, actor=alice),
    ):
        with pytest.raises(DraftGone):
            act()
    kept = PlanVersion.objects.create(plan=stale.plan, number=5, monthly_credits=1)
    version_publish(version=PlanVersion.objects.get(pk=kept.pk), actor=alice)
    with pytest.raises(ValidationError, match="was published meanwhile"):
        draft_delete(kept.pk)


def test_deleting_what_is_published_meanwhile_says_so(
    staff: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = draft_of(staff)
    log = PlanVersionAdmin.log_deletions

    def published_now(*given: Any) -> Any:  # the last thing that happens before it is deleted
        version_publish(version=PlanVersion.objects.get(pk=draft.pk), actor=alice)
        return log(*given)

    monkeypatch.setattr(PlanVersionAdmin, "log_deletions", published_now)
    answer = staff.post(url("delete", draft.pk), {"post": "yes"}, follow=True)
    assert answer.status_code == 200
    assert "was published meanwhile" in answer.content.decode()
    assert PlanVersion.objects.filter(pk=draft.pk).exists()


def test_what_is_published_is_what_was_looked_at(staff: Client) -> None:
    draft = draft_of(staff)
    page = reverse("admin:plans_planversion_publish", args=[draft.pk])
    seen = seen_of(staff, page)
    PlanVersion.objects.filter(pk=draft.pk).update(monthly_price_cents=1_100)
    answer = staff.post(page, {"key": "once", "seen": seen})
    shown = answer.content.decode()
    assert (answer.status_code, "It was changed meanwhile" in shown, "$11.00 a month" in shown) == (200, True, True)
    draft.refresh_from_db()
    assert draft.published_at is None
    again = re.findall(r'name="seen"[^>]*value="([0-9a-f]{64})"', shown)[0]
    assert again != seen
    assert staff.post(page, {"key": "once", "seen": again}).status_code == 302


def test_customers_are_moved_to_what_was_looked_at(staff: Client, workspace: Workspace) -> None:
    plan_start(workspace=workspace, plan_key="pro")
    old = PlanVersion.objects.get(plan__key="pro")
    page = reverse("admin:plans_planversion_move", args=[old.pk])
    PlanVersion.objects.create(plan=old.plan, number=2, published_at=clock.now())
    seen = seen_of(staff, page)
    PlanVersion.objects.create(plan=old.plan, number=3, published_at=clock.now())
    sent = {"key": "once", "reason": "Better", "seen": seen}
    assert "It was changed meanwhile" in staff.post(page, sent).content.decode()
    assert Subscription.objects.get(workspace=workspace, ended_at=None).version == old
    assert staff.post(page, sent | {"seen": seen_of(staff, page)}).status_code == 302
    assert Subscription.objects.get(workspace=workspace, ended_at=None).version.number == 3
