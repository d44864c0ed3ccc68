"""How a workspace stands with its plan, for its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Workspace
from billing.credits import clock
from billing.invoices.models import Document
from billing.ledger.models import Lot
from billing.metering.selectors.included import Included, allowances
from billing.plans.models import AutoUpgrade, Subscription, SubscriptionChange
from billing.plans.selectors import current_subscription
from billing.plans.subscribing.autoupgrade import agreement
from billing.plans.subscribing.choices import Choice, choice_of, newer_choice, next_choice
from billing.plans.subscribing.spans import Span, present_span

DOCUMENTS = 3
Status = SubscriptionChange.Status


@dataclass(frozen=True)
class Standing:
    row: Subscription | None
    choice: Choice | None
    span: Span | None
    following: Choice | None  # when its paid time is over
    newer: Choice | None  # the same in the newest version of its plan, where it is on an older one and may have it now
    grant_at: datetime | None  # of the next period's credits; None: they wait, or there are none
    waits: bool  # a period has begun and is not paid
    included: Sequence[Included]
    credits_given: int  # nano-credits, of this period
    credits_left: int  # of those
    expiring: Lot | None  # what plans gave and expires next
    asked: SubscriptionChange | None  # the change that is being done
    agreed: AutoUpgrade | None
    documents: Sequence[Document]

    @property
    def newer_costs_more(self) -> int:
        """US cents for one interval that the newest version costs more; below 0: less."""
        return self.newer.price_cents - self.choice.price_cents if self.newer and self.choice else 0

    @property
    def newer_costs_less(self) -> int:
        return -self.newer_costs_more

    @property
    def newer_gives_more(self) -> int:
        """Nano-credits a month that the newest version gives more; below 0: less."""
        return self.newer.monthly_credits - self.choice.monthly_credits if self.newer and self.choice else 0

    @property
    def newer_gives_less(self) -> int:
        return -self.newer_gives_more


def standing(workspace: Workspace) -> Standing:
    now, row = clock.now(), current_subscription(workspace.pk)
    span = present_span(row) if row and row.period >= 0 else None
    choice = choice_of(row) if row else None
    asked = change_asked(workspace.pk)
    given, left = _credits(workspace.pk, span, now)
    return Standing(
        row=row,
        choice=choice,
        span=span,
        following=next_choice(row) if row else None,
        newer=newer_choice(row) if row and asked is None and _may_take_newer(row) else None,
        grant_at=_next_grant(row, choice),
        waits=row is not None and _waits(row, now),
        included=allowances(workspace.pk, now),
        credits_given=given,
        credits_left=left,
        expiring=_expiring(workspace.pk, now),
        asked=asked,
        agreed=agreement(workspace.pk),
        documents=documents(workspace),
    )


def _may_take_newer(row: Subscription) -> bool:
    """Nothing has to be done first: see `preview`."""
    return row.status == Subscription.Status.ACTIVE and not row.ends_at and not row.changes_at


def change_asked(workspace_id: int) -> SubscriptionChange | None:
    return SubscriptionChange.objects.filter(workspace=workspace_id, status=Status.ASKED).first()


def _waits(row: Subscription, now: datetime) -> bool:
    return row.next_period_at <= now and row.paid_until is not None and row.paid_until <= row.next_period_at


def _next_grant(row: Subscription | None, choice: Choice | None) -> datetime | None:
    if row is None or choice is None or not choice.monthly_credits:
        return None
    if row.ends_at is not None and row.ends_at <= row.next_period_at:
        return None
    return row.next_period_at


def _credits(workspace_id: int, span: Span | None, now: datetime) -> tuple[int, int]:
    """What plans gave in this period, and what is left of it."""
    if span is None:
        return 0, 0
    lots = Lot.objects.filter(workspace_id=workspace_id, source=Lot.Source.PLAN)
    found = lots.filter(effective_at__gte=span.starts_at, effective_at__lte=now).values_list(
        "amount", "remaining", "expires_at", "extends"
    )
    # What goes on in a lot of its own was given before.
    given = sum(amount for amount, _, _, extends in found if extends is None)
    return given, sum(left for _, left, expires_at, _ in found if expires_at is None or expires_at > now)


def _expiring(workspace_id: int, now: datetime) -> Lot | None:
    lots = Lot.objects.filter(workspace_id=workspace_id, source=Lot.Source.PLAN, remaining__gt=0, effective_at__lte=now)
    return lots.filter(expires_at__gt=now).order_by("expires_at", "pk").first()


def documents(workspace: Workspace) -> list[Document]:
    """The latest invoices of its plan."""
    found = Document.objects.filter(workspace=workspace, purpose=Document.Purpose.SUBSCRIPTION)
    return list(found.order_by("-issued_at", "-pk")[:DOCUMENTS])
