"""Setting budgets and resuming keys. All of it under the wallet lock, so nothing is spent meanwhile."""

from typing import Any

from django.db.models import F
from django.db.models.functions import Greatest
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import ApiKey, Membership, Project, User, Workspace
from billing.credits.units import AmountOutOfRange, credits, in_range
from billing.foundation.audit.services import record
from billing.foundation.site.naming import named
from billing.ledger.book import open_book
from billing.usage.budgets.models import Budget, BudgetHold, BudgetPeriod, KeyPace
from billing.usage.budgets.pace import monday_of
from billing.usage.budgets.recount import count_anew, reached
from billing.usage.budgets.rules import subject_name

MOST = 200  # of a workspace


def budget_create(
    *,
    workspace: Workspace,
    period: str,
    amount: int,
    stops: bool,
    by: User,
    project: Project | None = None,
    api_key: ApiKey | None = None,
    member: User | None = None,
    request: HttpRequest | None = None,
) -> Budget:
    """A budget of `amount` nano-credits a day or month for a project, key or member, or for the whole workspace. What
    was spent and is held in the running period counts already. Raises Refused.
    """
    _check_amount(amount)
    _check_subject(workspace, project, api_key, member)
    with open_book(workspace.pk) as book:
        known = Budget.objects.filter(workspace=workspace)
        if known.count() >= MOST:
            raise Refused(f"A workspace has at most {MOST} budgets.")
        if known.filter(project=project, api_key=api_key, member=member, period=period).exists():
            raise Refused(f"There is a budget per {period} for that already: change that one.", field="subject")
        budget = Budget.objects.create(
            workspace=workspace,
            project=project,
            api_key=api_key,
            member=member,
            period=period,
            amount=amount,
            stops=stops,
            counts_from=book.now,
            created_by=by,
            created_at=book.now,
        )
        count_anew(book, [budget])
        book.budgets_changed()
        _audit("budget.created", budget, by, request, after=_terms(budget))
    return budget


def budget_change(*, budget: Budget, amount: int, stops: bool, by: User, request: HttpRequest | None = None) -> Budget:
    """Another amount (nano-credits), or another way to keep to it. Raises Refused."""
    _check_amount(amount)
    with open_book(budget.workspace_id) as book:
        current = _current(budget)
        before = _terms(current)
        current.amount, current.stops = amount, stops
        if before == _terms(current):
            return current
        current.changes += 1
        current.save(update_fields=["amount", "stops", "changes"])
        for period in BudgetPeriod.objects.filter(budget=current, ends_at__gt=book.now):
            period.told_percent = reached(int(period.spent), amount)
            period.refused_at, period.refusal_told = None, False
            period.save(update_fields=["told_percent", "refused_at", "refusal_told"])
        book.budgets_changed()
        _audit("budget.changed", current, by, request, before=before, after=_terms(current))
    return current


def budget_remove(*, budget: Budget, by: User, request: HttpRequest | None = None) -> None:
    """Nothing is kept to it any more. Raises Refused."""
    with open_book(budget.workspace_id) as book:
        current = _current(budget)
        _audit("budget.removed", current, by, request, before=_terms(current))
        BudgetHold.objects.filter(budget=current).delete()
        current.delete()
        book.budgets_changed()


def key_resume(*, key: ApiKey, by: User, request: HttpRequest | None = None) -> bool:
    """Let a paused key spend again; the pace that paused it counts as usual from now on. False if it was not paused."""
    if key.workspace_id is None:
        raise ValueError("a service key is never paused")
    with open_book(key.workspace_id) as book:
        resumed = KeyPace.objects.filter(api_key=key, paused_at__isnull=False).update(
            paused_at=None,
            told_at=None,
            week=monday_of(book.now),
            busiest=Greatest(F("busiest"), F("paused_spent"), F("spent")),
        )
        if resumed:
            record(action="api_key.resumed", actor=by, workspace=key.workspace, target=key.prefix, request=request)
    return bool(resumed)


def key_is_rotated(key: ApiKey) -> None:
    """A budget of the old key goes on with the new one. Called before the key's row is locked, because usage that is
    reported with it locks the wallet first.
    """
    if key.workspace_id is None:
        return
    with open_book(key.workspace_id) as book:
        if book.budget_revision:
            book.budgets_changed()


def key_was_rotated(old: ApiKey, new: ApiKey) -> None:
    """The new key is as busy as the old one, and paused if that is: who may rotate may not resume. Called under the
    wallet lock.
    """
    pace = KeyPace.objects.filter(api_key=old).first()
    if pace is not None:
        pace.pk, pace.told_at = new.pk, pace.told_at or pace.paused_at
        pace.save(force_insert=True)


def budgets_recount(workspace: Workspace) -> int:
    """Count what is spent in the running periods, and held, from usage and holds; how many budgets there were. Days
    and months may begin at other hours now, or verify_ledger found a counter that someone had changed.
    """
    with open_book(workspace.pk) as book:
        budgets = list(Budget.objects.filter(workspace=workspace).order_by("pk"))
        count_anew(book, budgets)
        if budgets:
            book.budgets_changed()
    return len(budgets)


def _current(budget: Budget) -> Budget:
    current = Budget.objects.select_for_update(of=("self",)).filter(pk=budget.pk).first()
    if current is None:
        raise Refused("This budget was removed by someone else.")
    return current


def _check_amount(amount: int) -> None:
    try:
        if in_range(amount) <= 0:
            raise Refused("A budget must be more than nothing.", field="credits")
    except AmountOutOfRange:
        raise Refused(named("So many credits do not fit the ledger."), field="credits") from None


def _check_subject(workspace: Workspace, project: Project | None, api_key: ApiKey | None, member: User | None) -> None:
    of_another = (
        (project is not None and project.workspace_id != workspace.pk)
        or (api_key is not None and api_key.workspace_id != workspace.pk)
        or (member is not None and not Membership.objects.filter(workspace=workspace, user=member).exists())
    )
    if of_another:
        raise Refused("This workspace does not have that any more.", field="subject")


def _terms(budget: Budget) -> dict[str, Any]:
    return {
        "for": f"{budget.level} {subject_name(budget)}".strip(),
        "period": budget.period,
        "credits": f"{credits(budget.amount):f}",
        "stops": budget.stops,
    }


def _audit(
    action: str,
    budget: Budget,
    by: User,
    request: HttpRequest | None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    target = str((after or before or {})["for"])
    record(
        action=action,
        actor=by,
        workspace=budget.workspace,
        target=target,
        before=before,
        after=after,
        request=request,
    )
