"""One signup grant per verified person, whatever comes first and however often."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction

from accounts.models import User, Workspace
from accounts.services.people import person_create, person_was_verified
from accounts.services.workspaces import workspace_create
from billing.foundation.site.models import SiteSettings
from billing.ledger.models import Lot
from billing.plans.models import SignupGrant


@pytest.fixture
def enabled(db: None) -> None:
    SiteSettings(pk=1, signup_grant_enabled=True, signup_grant_credits=Decimal(50), signup_grant_days=30).save()


def verify(user: User) -> None:
    """As the e-mail confirmation does: the address first, then the news."""
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})
    person_was_verified(user)


def granted(user: User) -> list[Workspace]:
    return [lot.workspace for lot in Lot.objects.filter(label="Welcome credits", workspace__members=user)]


def test_workspace_of_a_verified_person_gets_it(enabled: None) -> None:
    user = person_create(email="ann@example.com", verified=True)
    workspace = workspace_create(name="Ann's", owner=user)
    lot = Lot.objects.get(workspace=workspace)
    assert (lot.amount, lot.source) == (50 * 10**9, "promotion")
    assert lot.expires_at == lot.effective_at + timedelta(days=30)
    assert SignupGrant.objects.get(user=user).workspace == workspace


def test_verifying_after_the_workspace_gives_it_to_the_first_one(enabled: None) -> None:
    user = person_create(email="ann@example.com")
    first, second = (workspace_create(name=name, owner=user) for name in ("First", "Second"))
    assert granted(user) == []
    verify(user)
    assert granted(user) == [first]
    assert second not in granted(user)


def test_further_workspaces_and_addresses_bring_no_second_one(enabled: None) -> None:
    user = person_create(email="ann@example.com", verified=True)
    first = workspace_create(name="First", owner=user)
    workspace_create(name="Second", owner=user)
    EmailAddress.objects.create(user=user, email="ann2@example.com", verified=True)
    person_was_verified(user)
    assert granted(user) == [first]


def test_nothing_without_verification(enabled: None) -> None:
    user = person_create(email="ann@example.com")
    workspace_create(name="First", owner=user)
    assert granted(user) == []


@pytest.mark.django_db
def test_nothing_when_switched_off() -> None:
    user = person_create(email="ann@example.com", verified=True)
    workspace_create(name="First", owner=user)
    assert granted(user) == []
    assert not SignupGrant.objects.exists()


def test_members_who_own_nothing_get_nothing(enabled: None, workspace: Workspace, bob: User) -> None:
    verify(bob)
    assert not SignupGrant.objects.exists()


def together(*calls: Callable[[], object]) -> None:
    ready = threading.Barrier(len(calls))
    errors: list[Exception] = []

    def run(call: Callable[[], object]) -> None:
        try:
            ready.wait(5)
            call()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


@pytest.mark.django_db(transaction=True)
def test_verifying_and_creating_at_the_same_moment_gives_exactly_one() -> None:
    SiteSettings(pk=1, signup_grant_enabled=True, signup_grant_credits=Decimal(50)).save()
    for number in range(5):
        user = person_create(email=f"p{number}@example.com")

        def create(owner: User = user) -> None:
            workspace_create(name="W", owner=owner)

        def confirm(person: User = user) -> None:
            with transaction.atomic():
                verify(person)

        together(create, confirm, create, confirm)
        assert len(granted(user)) == 1
        assert SignupGrant.objects.filter(user=user).count() == 1
