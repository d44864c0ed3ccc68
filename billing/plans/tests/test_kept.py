"""What customers have and agreed to: the database refuses to change or remove it."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User, Workspace
from billing.credits import clock
from billing.plans.models import AutoUpgrade, CreditTier, Plan, PlanVersion, Resource, ResourceQuantity

pytestmark = pytest.mark.django_db


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
        act()


def test_a_published_version_and_its_credit_tiers() -> None:
    version = PlanVersion.objects.get(plan__key="business")
    versions, tiers = PlanVersion.objects.filter(pk=version.pk), CreditTier.objects.filter(version=version)
    refused(lambda: versions.update(monthly_credits=1))
    refused(lambda: versions.update(published_at=None))
    refused(lambda: tiers.update(monthly_credits=1))
    refused(lambda: tiers.update(version=PlanVersion.objects.get(plan__key="pro")))
    refused(lambda: tiers.all().delete())
    refused(versions.delete)
    version.save()  # as it is
    assert tiers.count() == 4


def test_a_draft_changes_until_it_is_published() -> None:
    draft = PlanVersion.objects.create(plan=Plan.objects.get(key="pro"), number=2, monthly_credits=5)
    tier = CreditTier.objects.create(version=draft, number=1, monthly_credits=9, monthly_price_cents=4_000)
    tier.monthly_credits, draft.monthly_credits = 8, 6
    tier.save()
    draft.save()
    draft.credit_tiers.all().delete()
    draft.published_at = clock.now()
    draft.save()
    refused(draft.delete)


def test_how_much_there_was_of_a_resource(workspace: Workspace) -> None:
    now = clock.now()
    resource = Resource.objects.create(
        workspace=workspace, external_id="a", kind="container", quantity=Decimal(2), created_at=now
    )
    ResourceQuantity.objects.create(resource=resource, at=now, quantity=Decimal(2))
    refused(lambda: ResourceQuantity.objects.update(quantity=1))
    refused(ResourceQuantity.objects.all().delete)
    refused(resource.delete)


def test_an_agreement_to_automatic_upgrades(workspace: Workspace, alice: User) -> None:
    tier = CreditTier.objects.filter(version__plan__key="business").first()
    assert tier is not None
    AutoUpgrade.objects.create(workspace=workspace, highest=tier, most_cents=5, agreed_by=alice, text="Yes.")
    refused(lambda: AutoUpgrade.objects.update(text="Yes, of course."))
    refused(lambda: AutoUpgrade.objects.update(most_cents=500_000))
    AutoUpgrade.objects.update(withdrawn_at=clock.now(), withdrawn_by="alice")
    refused(lambda: AutoUpgrade.objects.update(withdrawn_at=None))
    refused(AutoUpgrade.objects.all().delete)
