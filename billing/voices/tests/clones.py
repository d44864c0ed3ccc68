"""A workspace that clones voices: helpers of the tests about it."""

from datetime import timedelta
from typing import Any

from django.db.models import Sum

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.book import open_book
from billing.ledger.models import Transfer
from billing.ledger.records import OperationDraft
from billing.ledger.verify import verify
from billing.metering.verify_holds import hold_problems
from billing.voices.clones.ordering import clone_order
from billing.voices.clones.quoting import quotes
from billing.voices.clones.verify import verify_clones
from billing.voices.jobs.services import interrupt_silent, job_claim
from billing.voices.models import Voice, VoiceJob

HAD = 100_000 * NANO


def price(workspace: Workspace, tier: str = "standard", voice: Voice | None = None) -> int:
    return quotes(workspace.pk, voice=voice)[tier].amount


def ordered(voice: Voice, by: User, tier: str = "standard") -> VoiceJob:
    owner = voice.owner
    assert owner is not None
    return clone_order(workspace=owner, voice=voice, tier=tier, expected=price(owner, tier, voice), by=by)


def charged(workspace: Workspace) -> int:
    found = Transfer.objects.filter(workspace=workspace, kind="addon.spend").aggregate(nano=Sum("amount"))["nano"]
    return int(found or 0)


def adds_up(workspace: Workspace) -> None:
    assert verify(workspace_id=workspace.pk).problems == []
    assert verify_clones(workspace.pk) == []
    assert list(hold_problems(workspace.pk)) == []


def spend(team: Workspace, amount: int, now: Any = None) -> None:
    with open_book(team.pk, now=now) as book:
        operation = OperationDraft("test", f"{amount}", bytes(32), "usage.spend")
        book.spend(operation=operation, amount=amount, occurred_at=book.now)


def interrupted(job: VoiceJob) -> VoiceJob:
    assert job_claim() is not None
    interrupt_silent(clock.now() + timedelta(minutes=5), 10)
    job.refresh_from_db()
    assert job.state == "interrupted"
    return job
