"""Credits that staff move by hand: at once up to what the site settings say, above it once another person approves.

Every form of the admin that gives, takes, refunds, takes back or extends calls `post_or_propose`; each has one entry in
ACTIONS, and nothing else here posts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import credits, exact_nano
from billing.foundation.audit.services import record
from billing.foundation.desk.models import Proposal
from billing.foundation.site.models import SiteSettings

MAY_POST = "ledger.add_operation"
LASTS = timedelta(days=7)
Values = dict[str, Any]  # what JSON can keep


@dataclass(frozen=True)
class Hand:
    """Whose hand moves credits: `user` is who is asked now, `words` names everybody who stands for it."""

    user: User
    words: str
    request: HttpRequest | None
    two: bool = False  # somebody else approved it

    def check(self, nano: int) -> None:
        """What was posted is no more than this hand may move; more may have been there than when it was asked. Raises
        ValidationError, which undoes it.
        """
        if not self.two and 0 < second_person_above() < abs(nano):
            raise ValidationError("More would move than one person may do alone. Send the form again to propose it.")


# What can be done: dotted name → function that does it under the values' `key`, and tells it in a sentence. Raises
# ValidationError, and then nothing was done.
Act = Callable[[Workspace, Values, Hand], str]
ACTIONS: dict[str, Act] = {}


def second_person_above() -> int:
    """Nano-credits; 0: never. Read from the row: another process may have changed it a moment ago."""
    found = SiteSettings.objects.filter(pk=1).values_list("second_person_above", flat=True).first()
    return exact_nano(found) if found else 0


def post_or_propose(
    action: str,
    *,
    workspace: Workspace,
    nano: int,
    values: Values,
    summary: str,
    reason: str,
    by: User,
    request: HttpRequest | None,
) -> str:
    """Do it, or where it moves more than one person may, write down that it is wanted. `values["key"]` is the form's:
    sent twice, it is done or proposed once. A sentence that says which. Raises ValidationError, PermissionDenied.
    """
    if not by.has_perm(MAY_POST):
        raise PermissionDenied
    earlier = Proposal.objects.filter(key=values["key"]).first()
    if earlier is None and not 0 < second_person_above() < nano:
        return ACTIONS[action](workspace, values, Hand(by, by.email, request))
    if earlier is None:
        earlier, made = _propose(action, workspace, nano, values, summary, reason, by, request)
        if made:
            return (
                f"Proposed: {summary}. It is more than one person may do alone: nothing is posted until somebody else"
                f" approves it, by {earlier.expires_at:%-d %B %Y, %H:%M} UTC."
            )
    if (earlier.action, earlier.workspace_id, earlier.values, earlier.proposer_id) != (
        action,
        workspace.pk,
        values,
        by.pk,
    ):
        raise ValidationError("This form was sent before with other values. Open it again to post another.")
    return f"That was proposed already ({earlier.get_status_display().lower()}); nothing was done twice."


def _propose(
    action: str,
    workspace: Workspace,
    nano: int,
    values: Values,
    summary: str,
    reason: str,
    by: User,
    request: HttpRequest | None,
) -> tuple[Proposal, bool]:
    now = clock.now()
    with transaction.atomic():
        proposal, made = Proposal.objects.get_or_create(
            key=values["key"],
            defaults={
                "action": action,
                "workspace": workspace,
                "amount": nano,
                "summary": summary[:300],
                "values": values,
                "reason": reason[:500],
                "proposer": by,
                "proposer_label": by.email[:200],
                "created_at": now,
                "expires_at": now + LASTS,
            },
        )
        if made:
            record(
                action="proposal.made",
                actor=by,
                workspace=workspace,
                target=summary,
                after={"proposal": proposal.pk, "amount": str(credits(nano))},
                reason=reason,
                request=request,
            )
    return proposal, made


def approve(proposal_id: int, *, by: User, why: str, request: HttpRequest | None) -> str:
    """Post what was proposed, once, under its own key, as things stand now. Raises ValidationError: then nothing was
    posted, and the proposal waits on; PermissionDenied.
    """
    _must_may(by)
    with transaction.atomic():
        proposal = _open(proposal_id)
        if proposal.proposer_id == by.pk:
            raise ValidationError("Somebody else has to approve it: you proposed it yourself.")
        hand = Hand(by, f"{proposal.proposer_label}, approved by {by.email}", request, two=True)
        outcome = ACTIONS[proposal.action](proposal.workspace, proposal.values, hand)
        _decide(proposal, Proposal.Status.APPROVED, by, why, request, outcome)
    return outcome


def refuse(proposal_id: int, *, by: User, why: str, request: HttpRequest | None) -> str:
    """Let it be, for good; who proposed it withdraws it. Raises ValidationError, PermissionDenied."""
    _must_may(by)
    with transaction.atomic():
        proposal = _open(proposal_id)
        own = proposal.proposer_id == by.pk
        _decide(proposal, Proposal.Status.WITHDRAWN if own else Proposal.Status.REFUSED, by, why, request)
    return f"{'Withdrawn' if own else 'Refused'}: {proposal.summary}. Nothing was posted."


def _must_may(by: User) -> None:
    if not by.has_perm(MAY_POST):
        raise PermissionDenied


def _open(proposal_id: int) -> Proposal:
    """Locked: of two people who decide at once, the second finds what the first decided."""
    found = Proposal.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=proposal_id)
    if found.status != Proposal.Status.OPEN:
        raise ValidationError(f"{found.decider_label} decided it before: {found.get_status_display().lower()}.")
    if found.state == "expired":
        raise ValidationError(f"It waited until {found.expires_at:%-d %B %Y, %H:%M} UTC. Propose it anew.")
    return found


def _decide(
    proposal: Proposal, status: str, by: User, why: str, request: HttpRequest | None, outcome: str = ""
) -> None:
    proposal.status, proposal.decider, proposal.decider_label = status, by, by.email[:200]
    proposal.decided_at, proposal.decided_why, proposal.outcome = clock.now(), why[:500], outcome[:500]
    proposal.save(update_fields=["status", "decider", "decider_label", "decided_at", "decided_why", "outcome"])
    record(
        action=f"proposal.{status}",
        actor=by,
        workspace=proposal.workspace,
        target=proposal.summary,
        before={"proposal": proposal.pk, "proposed by": proposal.proposer_label, "reason": proposal.reason},
        after={"outcome": outcome or None},
        reason=why,
        request=request,
    )
