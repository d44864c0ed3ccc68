"""Agreeing, changing, ending: what is on record, and what is forgotten with a new agreement."""

from dataclasses import replace

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.ledger.models import Wallet
from billing.packs.autotopup.errors import ConsentNeeded, WrongTerms
from billing.packs.autotopup.models import AutoTopUp, TopUpConsent
from billing.packs.autotopup.settings import auto_top_up_agree, auto_top_up_change, auto_top_up_off, card_was_removed
from billing.packs.autotopup.sizing import Terms
from billing.packs.autotopup.standing import settings_of, standing
from billing.packs.autotopup.tests.conftest import TERMS
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db


def agree(workspace: Workspace, by: User, terms: Terms = TERMS, method: str = "pm_1") -> TopUpConsent:
    return auto_top_up_agree(
        workspace=workspace, terms=terms, amount_in="money", method=method, card="Visa 4242", text="I agree.", by=by
    )


def change(workspace: Workspace, terms: Terms, enabled: bool = True) -> AutoTopUp:
    return auto_top_up_change(workspace=workspace, enabled=enabled, terms=terms, amount_in="money", actor="test")


def bound(workspace: Workspace) -> int:
    return Wallet.objects.get(pk=workspace.pk).topup_bound


def test_the_defaults_are_ten_dollars_and_off(workspace: Workspace) -> None:
    row = settings_of(workspace)
    assert (row.enabled, row.terms) == (False, TERMS)
    assert standing(workspace).state == "off"
    assert not AutoTopUp.objects.exists()


def test_the_wallet_keeps_the_bound_while_it_is_on(workspace: Workspace, alice: User) -> None:
    agree(workspace, alice)
    assert bound(workspace) == 100 * NANO
    change(workspace, replace(TERMS, threshold=50 * NANO))
    assert bound(workspace) == 50 * NANO
    assert auto_top_up_off(workspace=workspace, by=alice, withdraw=False)
    assert bound(workspace) == 0
    assert not auto_top_up_off(workspace=workspace, by=alice, withdraw=False)


def test_more_needs_an_agreement_and_replaces_the_last_one(workspace: Workspace, alice: User) -> None:
    first = agree(workspace, alice)
    more = replace(TERMS, month_cap=20_000)
    with pytest.raises(ConsentNeeded):
        change(workspace, more)
    second = agree(workspace, alice, more)
    first.refresh_from_db()
    assert first.ended_because == "replaced by alice@example.com"
    assert settings_of(workspace).consent == second
    assert change(workspace, more).terms == more
    assert AuditEntry.objects.filter(action="auto_top_up.agreed", actor=alice).count() == 2


def test_the_same_change_again_is_not_written_down_again(workspace: Workspace, alice: User) -> None:
    agree(workspace, alice)
    less = replace(TERMS, amount=1_000 * NANO)
    change(workspace, less)
    change(workspace, less)
    assert AuditEntry.objects.filter(action="auto_top_up.changed").count() == 1


def test_while_it_is_off_anything_may_be_set(workspace: Workspace, alice: User) -> None:
    big = replace(TERMS, threshold=9_000 * NANO, month_cap=500_000)
    assert change(workspace, big, enabled=False).terms == big
    with pytest.raises(ConsentNeeded):
        change(workspace, big)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (replace(TERMS, threshold=0), "threshold"),
        (replace(TERMS, amount=97 * NANO), "amount"),
        (replace(TERMS, amount=0), "amount"),
        (replace(TERMS, target=100 * NANO), "target"),
        (replace(TERMS, day_cap=999), "day_cap"),
        (replace(TERMS, month_cap=10_000_001), "month_cap"),
    ],
)
def test_what_makes_no_sense_is_refused(workspace: Workspace, alice: User, terms: Terms, field: str) -> None:
    with pytest.raises(WrongTerms) as refused:
        agree(workspace, alice, terms)
    assert refused.value.field == field
    assert not TopUpConsent.objects.exists()


def test_a_removed_card_ends_the_agreement_on_it_alone(workspace: Workspace, alice: User) -> None:
    agree(workspace, alice)
    card_was_removed(workspace=workspace, method="pm_other", by=alice)
    assert settings_of(workspace).enabled
    card_was_removed(workspace=workspace, method="pm_1", by=alice)
    row = settings_of(workspace)
    assert (row.enabled, row.consent, row.off_because) == (
        False,
        None,
        "The Visa 4242 was removed by alice@example.com.",
    )
    assert bound(workspace) == 0


def test_staff_look_and_change_nothing(workspace: Workspace, alice: User) -> None:
    consent = agree(workspace, alice)
    alice.is_staff = alice.is_superuser = True
    alice.save()
    staff: Client = client_of(alice)
    for path in ("autotopup", "topupconsent", "topup"):
        assert staff.get(f"/admin/packs/{path}/").status_code == 200
        assert staff.get(f"/admin/packs/{path}/add/").status_code == 403
    shown = staff.get(f"/admin/packs/topupconsent/{consent.pk}/change/")
    assert b"I agree." in shown.content
    assert staff.get(f"/admin/packs/autotopup/{workspace.pk}/change/").status_code == 200
