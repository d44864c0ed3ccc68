"""Agreeing to automatic top-ups, changing and ending them. Locks: the wallet, then the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.services import record, record_change
from billing.foundation.site.selectors import site
from billing.ledger.models import Wallet
from billing.ledger.services import cut, topup_bound_set
from billing.packs.autotopup.errors import ConsentNeeded, WrongTerms
from billing.packs.autotopup.hints import hint
from billing.packs.autotopup.models import AutoTopUp, TopUp, TopUpConsent
from billing.packs.autotopup.sizing import LEAST_CENTS, Terms, cents_for
from billing.packs.autotopup.standing import settings_of
from billing.packs.autotopup.words import money
from billing.packs.fulfilment import purchase_end
from billing.packs.models import Purchase

MOST_CENTS = 10_000_000
Unit = AutoTopUp.Unit
CAPS = (AutoTopUp.Wait.DAY, AutoTopUp.Wait.MONTH)


@contextmanager
def locked(workspace: Workspace) -> Iterator[AutoTopUp]:
    """The settings as they are now, with the wallet locked before them; saved, with the wallet's bound, at the end."""
    with transaction.atomic():
        lock(workspace)
        if not AutoTopUp.objects.filter(pk=workspace.pk).exists():
            AutoTopUp.objects.bulk_create([settings_of(workspace)], ignore_conflicts=True)
        rows = AutoTopUp.objects.select_for_update(of=("self",), no_key=True)
        row = rows.select_related("workspace", "consent").get(pk=workspace.pk)
        bound = row.bound
        yield row
        row.updated_at = clock.now()
        row.save()
        if row.bound != bound:
            topup_bound_set(workspace_id=workspace.pk, bound=row.bound)


def lock(workspace: Workspace) -> None:
    """Lock its wallet: all that changes what is set, or charges, does that first."""
    Wallet.objects.select_for_update(no_key=True).filter(pk=workspace.pk).first()


def terms_check(terms: Terms) -> None:
    """Raises WrongTerms for numbers that make no sense."""
    price = cents_for(terms.amount, site().usd_per_credit) if terms.amount > 0 else 0
    if terms.threshold <= 0:
        raise WrongTerms("Write a balance above 0.", field="threshold")
    if not LEAST_CENTS <= price <= MOST_CENTS:
        raise WrongTerms(f"From {money(LEAST_CENTS)} to {money(MOST_CENTS)}.", field="amount")
    if terms.target is not None and terms.target <= terms.threshold:
        raise WrongTerms("The balance to reach is above the one that it falls below.", field="target")
    for name, cap in (("day_cap", terms.day_cap), ("month_cap", terms.month_cap)):
        if not LEAST_CENTS <= cap <= MOST_CENTS:
            raise WrongTerms(f"From {money(LEAST_CENTS)} to {money(MOST_CENTS)}.", field=name)
        if terms.target is None and cap < price:
            raise WrongTerms(f"One charge is {money(price)}: allow at least that.", field=name)


def auto_top_up_agree(
    *,
    workspace: Workspace,
    terms: Terms,
    amount_in: str,
    method: str,
    card: str,
    text: str,
    by: User,
    request: HttpRequest | None = None,
) -> TopUpConsent:
    """A person agrees to `text`, which was shown, and it is on. Takes the place of an earlier agreement; what was
    declined, paused or capped before is forgotten, and a charge that waits for a confirmation which nobody has begun
    with is given up: it would keep the new card waiting for a day. Raises WrongTerms.
    """
    terms_check(terms)
    with locked(workspace) as row:
        _end(row, f"replaced by {by.email}")
        _give_up_unconfirmed(workspace)
        consent = TopUpConsent.objects.create(
            workspace=workspace,
            person=by,
            person_label=by.email[:200],
            text=text,
            method=method,
            card=card[:60],
            **asdict(terms),
        )
        _put(row, terms, amount_in)
        row.consent, row.enabled, row.off_because = consent, True, ""
        row.declines, row.not_before, row.waits_for = 0, None, ""
        row.paused_at, row.resumed_at = None, clock.now()
        record(
            action="auto_top_up.agreed",
            actor=by,
            workspace=workspace,
            target=text,
            after=asdict(terms),
            request=request,
        )
    _look_now()
    return consent


def auto_top_up_change(
    *,
    workspace: Workspace,
    enabled: bool,
    terms: Terms,
    amount_in: str,
    actor: User | str,
    request: HttpRequest | None = None,
) -> AutoTopUp:
    """Change what is set, within what a person agreed to; the same again changes nothing. While it is off, anything may
    be set. Raises WrongTerms, ConsentNeeded.
    """
    terms_check(terms)
    with locked(workspace) as row:
        if enabled and (row.consent is None or not terms.within(row.consent.terms)):
            raise ConsentNeeded
        before = {"enabled": row.enabled, **asdict(row.terms)}
        _put(row, terms, amount_in)
        row.enabled = enabled
        changed = record_change(
            action="auto_top_up.changed",
            actor=actor,
            workspace=workspace,
            target="automatic top-up",
            before=before,
            after={"enabled": enabled, **asdict(terms)},
            request=request,
        )
        if changed and row.waits_for in CAPS:
            row.not_before, row.waits_for = None, ""
    if enabled and changed:
        _look_now()
    return row


def auto_top_up_off(*, workspace: Workspace, by: User, withdraw: bool, request: HttpRequest | None = None) -> bool:
    """Switch it off; with `withdraw` the agreement ends as well, and no key can switch it on. False if it was so."""
    with locked(workspace) as row:
        if not row.enabled and not (withdraw and row.consent):
            return False
        row.enabled = False
        if withdraw:
            _end(row, f"withdrawn by {by.email}")
        action = "auto_top_up.withdrawn" if withdraw else "auto_top_up.off"
        record(action=action, actor=by, workspace=workspace, request=request)
    return True


def auto_top_up_resume(*, workspace: Workspace, by: User, reason: str = "", request: HttpRequest | None = None) -> bool:
    """Let it go on after a pause; False if it was not paused."""
    with locked(workspace) as row:
        if row.paused_at is None:
            return False
        row.paused_at, row.resumed_at = None, clock.now()
        record(action="auto_top_up.resumed", actor=by, workspace=workspace, reason=reason, request=request)
    _look_now()
    return True


def auto_top_up_leave_off(*, workspace: Workspace, by: User, request: HttpRequest | None = None) -> bool:
    """Somebody has seen that the portal switched it off, and leaves it so; False if there was nothing to see."""
    if not AutoTopUp.objects.filter(pk=workspace.pk).exclude(off_because="").exists():
        return False
    with locked(workspace) as row:
        if not row.off_because or row.enabled:
            return False
        row.off_because = ""
        record(action="auto_top_up.left_off", actor=by, workspace=workspace, request=request)
    return True


def card_was_removed(*, workspace: Workspace, method: str, by: User) -> None:
    """The card that was agreed on is gone: nothing is charged to another one."""
    if not TopUpConsent.objects.filter(workspace=workspace, method=method, ended_at=None).exists():
        return
    with locked(workspace) as row:
        if row.consent is not None and row.consent.method == method:
            switch_off(row, f"The {row.consent.card} was removed by {by.email}.")


def switch_off(row: AutoTopUp, because: str) -> None:
    """By the portal: the agreement ends, and a person has to agree anew. For a row from `locked`."""
    row.enabled, row.off_because = False, cut(because, 300)
    row.declines, row.not_before, row.waits_for, row.paused_at = 0, None, "", None
    _end(row, because)
    record(action="auto_top_up.switched_off", actor="system", workspace=row.workspace, reason=because)


def _give_up_unconfirmed(workspace: Workspace) -> None:
    """The bank has refused to charge it without the cardholder, so nothing can come of it any more. One with a page to
    pay on is left alone: somebody may be paying.
    """
    waits = TopUp.objects.filter(
        outcome=TopUp.Outcome.CONFIRMATION,
        purchase__workspace=workspace,
        purchase__status=Purchase.Status.OPEN,
        purchase__session_id=None,
    )
    for pk in waits.values_list("pk", flat=True):
        purchase_end(pk, Purchase.Status.CANCELED, problem="Agreed to anew before it was confirmed")


def _end(row: AutoTopUp, because: str) -> None:
    """The agreement does not count any more."""
    row.consent, row.enabled = None, False
    row.save(update_fields=["consent", "enabled"])
    running = TopUpConsent.objects.filter(workspace=row.workspace_id, ended_at=None)
    running.update(ended_at=clock.now(), ended_because=cut(because, 200))


def _put(row: AutoTopUp, terms: Terms, amount_in: str) -> None:
    for name, value in asdict(terms).items():
        setattr(row, name, value)
    row.amount_in = amount_in


def _look_now() -> None:
    transaction.on_commit(hint, robust=True)
