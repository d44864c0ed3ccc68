"""Large adjustments: nothing is posted before another person approves it, and then once."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.desk.models import Proposal
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site
from billing.ledger.models import Lot, Operation
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify
from billing.metering.events import EventInput, Source
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record
from billing.packs.x402.tests.rows import in_review
from billing.pricing.testing import import_demo_prices
from portal.admin.secondperson import ACTIONS, approve, refuse
from portal.testing.fixtures import client_of, person

LIMIT = 100


@pytest.fixture
def limit(db: None) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"second_person_above": Decimal(LIMIT)})
    forget_site()


def boss(email: str) -> User:
    user = person(email, "correct horse 9", email.partition("@")[0])
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    return User.objects.get(pk=user.pk)


@pytest.fixture
def dora(db: None) -> User:
    return boss("dora@example.com")


@pytest.fixture
def emil(db: None) -> User:
    return boss("emil@example.com")


@pytest.fixture
def dora_client(dora: User) -> Client:
    return client_of(dora)


@pytest.fixture
def emil_client(emil: User) -> Client:
    return client_of(emil)


def form(amount: int = 500, **changes: Any) -> dict[str, Any]:
    return {
        "key": "form-1",
        "what": "grant",
        "amount": str(amount),
        "source": "promotion",
        "label": "Gift",
        "expires_on": "",
        "reason": "a long outage",
        "confirmed": "on",
        **changes,
    }


def give(client: Client, workspace: Workspace, **changes: Any) -> str:
    url = reverse("admin:accounts_workspace_credits", args=[workspace.pk])
    return client.post(url, form(**changes), follow=True).content.decode()


def decide(client: Client, proposal: Proposal, what: str = "approve") -> str:
    url = reverse(f"admin:foundation_proposal_{what}", args=[proposal.pk])
    values = {"key": "decision", "reason": "checked with her", "confirmed": "on"}
    return client.post(url, values, follow=True).content.decode()


@pytest.mark.django_db
def test_up_to_the_amount_one_person_is_enough(limit: None, dora_client: Client, workspace: Workspace) -> None:
    assert "100 given to Northwind AI" in give(dora_client, workspace, amount=LIMIT)
    assert not Proposal.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("nothing", [None, Decimal(0)])
def test_without_an_amount_everything_is_posted_at_once(
    dora_client: Client, workspace: Workspace, nothing: Decimal | None
) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"second_person_above": nothing})
    assert "1000000 given to" in give(dora_client, workspace, amount=1_000_000)


@pytest.mark.django_db
def test_more_waits_for_another_person_and_is_posted_once(
    limit: None, dora_client: Client, emil_client: Client, workspace: Workspace, emil: User
) -> None:
    assert "nothing is posted until somebody else approves it" in give(dora_client, workspace)
    assert "proposed already" in give(dora_client, workspace)
    proposal = Proposal.objects.get()
    assert balance(workspace.pk).available == 0
    assert "wait" in dora_client.get("/admin/").content.decode()
    assert proposal.summary in emil_client.get(f"/admin/workspaces/{workspace.pk}/").content.decode()

    asked = emil_client.get(reverse("admin:foundation_proposal_approve", args=[proposal.pk])).content.decode()
    for words in ("Give 500 credits to Northwind AI", "a long outage", "dora@example.com", "promotion", "Gift"):
        assert words in asked
    assert balance(workspace.pk).available == 0
    assert "500 given to Northwind AI" in decide(emil_client, proposal)
    assert balance(workspace.pk).available == 500 * NANO
    assert "decided it before" in decide(emil_client, proposal)
    assert balance(workspace.pk).available == 500 * NANO

    proposal.refresh_from_db()
    assert (proposal.status, proposal.decider, proposal.decided_why) == ("approved", emil, "checked with her")
    operation = Operation.objects.get(workspace=workspace)
    assert operation.key == "admin:form-1"
    assert operation.actor == "dora@example.com, approved by emil@example.com"
    actions = AuditEntry.objects.filter(workspace=workspace).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["proposal.made", "credits.given", "proposal.approved"]


@pytest.mark.django_db
def test_who_proposed_it_cannot_approve_it_not_even_a_superuser(
    limit: None, dora: User, dora_client: Client, workspace: Workspace
) -> None:
    give(dora_client, workspace)
    proposal = Proposal.objects.get()
    page = dora_client.get(reverse("admin:foundation_proposal_change", args=[proposal.pk])).content.decode()
    assert "/approve/" not in page
    assert "you proposed it yourself" in decide(dora_client, proposal)
    with pytest.raises(ValidationError, match="Somebody else"):
        approve(proposal.pk, by=dora, why="me", request=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Proposal.objects.filter(pk=proposal.pk).update(status="approved", decider=dora, decided_at=clock.now())
    assert not Operation.objects.exists()


@pytest.mark.django_db
def test_refused_and_withdrawn_proposals_stay_undone(
    limit: None, dora_client: Client, emil_client: Client, workspace: Workspace
) -> None:
    give(dora_client, workspace)
    give(dora_client, workspace, key="form-2")
    second, first = Proposal.objects.all()
    assert "Refused: Give 500" in decide(emil_client, first, "refuse")
    assert "Withdrawn: Give 500" in decide(dora_client, second, "refuse")
    for proposal in (first, second):
        assert "decided it before" in decide(emil_client, proposal)
    assert not Operation.objects.exists()
    assert "proposed already (refused)" in give(dora_client, workspace)


@pytest.mark.django_db
def test_a_proposal_waits_a_week(limit: None, dora_client: Client, emil: User, workspace: Workspace) -> None:
    give(dora_client, workspace)
    proposal = Proposal.objects.get()
    with clock.at(clock.now() + timedelta(days=8)):
        with pytest.raises(ValidationError, match="Propose it anew"):
            approve(proposal.pk, by=emil, why="late", request=None)
        assert proposal.state == "expired"
    assert not Operation.objects.exists()


@pytest.mark.django_db
def test_a_balance_that_changed_refuses_and_the_proposal_waits_on(
    limit: None, dora_client: Client, emil: User, workspace: Workspace
) -> None:
    credits_grant(workspace_id=workspace.pk, key="k", amount=600 * NANO, label="Gift")
    give(dora_client, workspace, what="take")
    proposal = Proposal.objects.get()
    SiteSettings.objects.filter(pk=1).update(second_person_above=None)
    give(dora_client, workspace, what="take", amount=550, key="form-2")
    with pytest.raises(ValidationError, match="Nothing was taken"):
        approve(proposal.pk, by=emil, why="ok", request=None)
    proposal.refresh_from_db()
    assert (proposal.status, balance(workspace.pk).available) == ("open", 50 * NANO)
    credits_grant(workspace_id=workspace.pk, key="k2", amount=600 * NANO, label="Gift")
    assert "500 taken from" in approve(proposal.pk, by=emil, why="ok", request=None)
    assert balance(workspace.pk).available == 150 * NANO


@pytest.mark.django_db
def test_who_may_not_post_may_not_decide(limit: None, dora_client: Client, alice: User, workspace: Workspace) -> None:
    give(dora_client, workspace)
    proposal = Proposal.objects.get()
    for act in (approve, refuse):
        with pytest.raises(PermissionDenied):
            act(proposal.pk, by=alice, why="please", request=None)
    proposal.refresh_from_db()
    assert proposal.status == "open"


@pytest.mark.django_db
def test_the_same_form_with_other_values_is_refused(limit: None, dora_client: Client, workspace: Workspace) -> None:
    give(dora_client, workspace)
    assert "sent before with other values" in give(dora_client, workspace, amount=501)
    assert "sent before with other values" in give(dora_client, workspace, amount=5)
    assert Proposal.objects.count() == 1
    assert not Operation.objects.exists()


@pytest.fixture
def lots(workspace: Workspace) -> dict[str, int]:
    """Ids of a lot of 500 bought credits with an end, of its grant, and of an event that cost 180."""
    import_demo_prices()
    ends = clock.now() + timedelta(days=10)
    lot = credits_grant(
        workspace_id=workspace.pk,
        key="p",
        amount=500 * NANO,
        label="Pack",
        source="bought",
        kind="grant.pack",
        expires_at=ends,
    ).lot_id
    event = EventInput("e1", "openai/gpt-4o-mini", {"input_tokens": Decimal(6_000_000)})
    usage_record(workspace_id=workspace.pk, source=Source("service"), event=event)
    assert lot is not None
    return {
        "lot": lot,
        "operation": Lot.objects.get(pk=lot).operation_id,
        "event": UsageEvent.objects.get().pk,
        "payment": in_review(workspace).pk,
    }


ROUTES: dict[str, tuple[str, str, dict[str, str]]] = {
    "lot.refund": ("ledger_lot_refund", "lot", {"amount": "200", "step": "confirm"}),
    "lot.extend": ("ledger_lot_extend_lot", "lot", {"until": "2199-12-30", "step": "confirm"}),
    "operation.reverse": ("ledger_operation_reverse", "operation", {"confirmed": "on"}),
    "charge.reverse": ("metering_usageevent_give_back", "event", {"confirmed": "on"}),
    "crypto.accept": ("packs_cryptopayment_accept", "payment", {"confirmed": "on"}),
}


def test_every_action_has_a_test() -> None:
    assert {*ROUTES, "credits.move"} == set(ACTIONS)


@pytest.mark.django_db
@pytest.mark.parametrize("action", ROUTES)
def test_every_way_to_move_credits_asks_a_second_person(
    limit: None, dora_client: Client, emil: User, workspace: Workspace, lots: dict[str, int], action: str
) -> None:
    name, of, values = ROUTES[action]
    before = Operation.objects.count()
    url = reverse(f"admin:{name}", args=[lots[of]])
    values = {"key": "form-1", "reason": "a mistake", **values}
    assert "Proposed: " in dora_client.post(url, values, follow=True).content.decode()
    proposal = Proposal.objects.get()
    assert (proposal.action, Operation.objects.count()) == (action, before)
    assert proposal.amount > LIMIT * NANO
    outcome = approve(proposal.pk, by=emil, why="yes", request=None)
    assert "done already" not in outcome
    assert Operation.objects.count() == before + 1
    assert "approved by emil@example.com" in Operation.objects.latest("pk").actor
    assert verify(workspace_id=workspace.pk).problems == []


@pytest.mark.django_db
@pytest.mark.parametrize("action", ROUTES)
def test_small_ones_are_posted_at_once(
    dora_client: Client, workspace: Workspace, lots: dict[str, int], action: str
) -> None:
    name, of, values = ROUTES[action]
    before = Operation.objects.count()
    url = reverse(f"admin:{name}", args=[lots[of]])
    values = {"key": "form-1", "reason": "a mistake", **values}
    assert "Proposed" not in dora_client.post(url, values, follow=True).content.decode()
    again = dora_client.post(url, values, follow=True).content.decode()
    assert "nothing was posted twice" in again
    assert Operation.objects.count() == before + 1


@pytest.mark.django_db
def test_what_was_proposed_and_decided_is_kept(
    limit: None, dora_client: Client, emil: User, workspace: Workspace
) -> None:
    give(dora_client, workspace)
    proposal = Proposal.objects.get()
    refuse(proposal.pk, by=emil, why="no", request=None)
    bad = (
        "UPDATE foundation_proposal SET amount = 1",
        "UPDATE foundation_proposal SET status = 'open', decider_id = NULL, decided_at = NULL",
        "DELETE FROM foundation_proposal",
    )
    for statement in bad:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def together(*acts: Callable[[], object]) -> list[object]:
    """Do them at once; what each returned, or the error it raised."""
    gate, found = threading.Barrier(len(acts)), list[object]()

    def run(act: Callable[[], object]) -> None:
        try:
            gate.wait(10)
            found.append(act())
        except (ValidationError, IntegrityError) as error:
            found.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


@pytest.mark.django_db(transaction=True)
def test_of_two_who_approve_at_once_one_posts(
    limit: None, dora_client: Client, emil: User, workspace: Workspace
) -> None:
    give(dora_client, workspace)
    proposal, frida = Proposal.objects.get(), boss("frida@example.com")
    found = together(
        lambda: approve(proposal.pk, by=emil, why="a", request=None),
        lambda: approve(proposal.pk, by=frida, why="b", request=None),
    )
    assert sorted(isinstance(one, ValidationError) for one in found) == [False, True]
    assert balance(workspace.pk).available == 500 * NANO
    assert Operation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_who_approves_and_one_who_refuses_at_once(
    limit: None, dora_client: Client, emil: User, workspace: Workspace
) -> None:
    give(dora_client, workspace)
    proposal, frida = Proposal.objects.get(), boss("frida@example.com")
    found = together(
        lambda: approve(proposal.pk, by=emil, why="a", request=None),
        lambda: refuse(proposal.pk, by=frida, why="b", request=None),
    )
    assert sorted(isinstance(one, ValidationError) for one in found) == [False, True]
    proposal.refresh_from_db()
    assert Operation.objects.count() == (1 if proposal.status == "approved" else 0)


@pytest.mark.django_db(transaction=True)
def test_a_form_that_is_sent_twice_at_once_proposes_once(limit: None, dora: User, workspace: Workspace) -> None:
    clients = [client_of(dora), client_of(dora)]
    found = together(*(lambda client=client: give(client, workspace) for client in clients))
    assert len(found) == 2
    assert Proposal.objects.count() == 1
    assert AuditEntry.objects.filter(action="proposal.made").count() == 1
    assert not Operation.objects.exists()
