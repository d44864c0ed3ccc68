"""Answers about automatic top-ups, and changing them."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest

from accounts.models import ApiKey, Workspace
from billing.api import documents
from billing.api.access import refuse_suspended
from billing.api.present import amount, optional_amount
from billing.api.problems import Problem, invalid
from billing.api.refusals import problems
from billing.api.remembering import answered_once
from billing.api.schemas.autotopup import AutoTopUpBody
from billing.credits.units import exact_nano
from billing.foundation.site.selectors import site
from billing.ledger.services import request_hash
from billing.metering.numbers import quantity
from billing.packs.autotopup.errors import ConsentNeeded, WrongTerms
from billing.packs.autotopup.models import AutoTopUp, TopUpAnswer
from billing.packs.autotopup.notices import page_url
from billing.packs.autotopup.settings import MOST_CENTS, auto_top_up_change, lock
from billing.packs.autotopup.sizing import Terms, cents_for, nano_per_cent
from billing.packs.autotopup.standing import settings_of, standing

POINTERS = {"day_cap": "/day_limit_usd", "month_cap": "/month_limit_usd"}
Unit = AutoTopUp.Unit


def settings(workspace: Workspace) -> dict[str, Any]:
    stands = standing(workspace)
    row, consent, pending = stands.row, stands.consent, stands.pending
    waiting = row.not_before if row.enabled and row.not_before and row.not_before > stands.at else None
    return {
        "enabled": row.enabled,
        "state": stands.state,
        **amount("threshold", row.threshold),
        **amount("amount", row.amount),
        "charge": _money(cents_for(row.amount, site().usd_per_credit)),
        **optional_amount("target", row.target),
        "day_limit": _money(row.day_cap),
        "month_limit": _money(row.month_cap),
        "charged_today": _money(stands.charged.day),
        "charged_this_month": _money(stands.charged.month),
        "next_charge": stands.sentence,
        "next_attempt_at": waiting,
        "pending": {
            **amount("credits", pending.credits),
            "charge": _money(pending.amount),
            "reason": pending.top_up.reason,
            "at": pending.created_at,
        }
        if pending
        else None,
        "consent": {"by": consent.person_label, "at": consent.at, "card": consent.card, "text": consent.text}
        if consent
        else None,
        "consent_url": page_url(workspace),
    }


def change(
    *, workspace: Workspace, key: ApiKey, raw: object, idempotency_key: str, request: HttpRequest
) -> tuple[dict[str, Any], bool]:
    """The settings, and whether this is a repeat. Raises Problem 400, 403, 409 or 422."""
    body = documents.read(raw, AutoTopUpBody)
    if body.model_dump(exclude_unset=True) != {"enabled": False}:
        refuse_suspended(key)

    def act() -> dict[str, Any]:
        with problems():
            _change(workspace, key, body, request)
        return settings(workspace)

    return answered_once(
        TopUpAnswer,
        workspace=workspace,
        key=key,
        idempotency_key=idempotency_key,
        request_hash=request_hash(body.model_dump(exclude_unset=True)),
        act=act,
    )


def _change(workspace: Workspace, key: ApiKey, body: AutoTopUpBody, request: HttpRequest) -> None:
    lock(workspace)  # what is left out stays as nobody else has changed it meanwhile
    row = settings_of(workspace)
    enabled = row.enabled if body.enabled is None else body.enabled
    terms, amount_in = _wanted(row, body)
    label = f"{key.kind} key {key.prefix}…"
    try:
        auto_top_up_change(
            workspace=workspace, enabled=enabled, terms=terms, amount_in=amount_in, actor=label, request=request
        )
    except ConsentNeeded as error:
        raise Problem("consent_required", error.message, members={"consent_url": page_url(workspace)}) from error
    except WrongTerms as error:
        raise invalid(error.message, pointer=POINTERS.get(error.field or "", f"/{error.field}")) from error


def _wanted(row: AutoTopUp, body: AutoTopUpBody) -> tuple[Terms, str]:
    terms, unit = row.terms, row.amount_in
    if body.amount is not None and body.amount_usd is not None:
        raise invalid("Name `amount` or `amount_usd`.", pointer="/amount_usd")
    if body.threshold is not None:
        terms = replace(terms, threshold=nano_of(body.threshold, "/threshold"))
    if body.amount is not None:
        terms, unit = replace(terms, amount=nano_of(body.amount, "/amount")), Unit.CREDITS
    if body.amount_usd is not None:
        cents = cents_of(body.amount_usd, "/amount_usd")
        terms, unit = replace(terms, amount=cents * nano_per_cent(site().usd_per_credit)), Unit.MONEY
    if "target" in body.model_fields_set:
        terms = replace(terms, target=None if body.target is None else nano_of(body.target, "/target"))
    if body.day_limit_usd is not None:
        terms = replace(terms, day_cap=cents_of(body.day_limit_usd, "/day_limit_usd"))
    if body.month_limit_usd is not None:
        terms = replace(terms, month_cap=cents_of(body.month_limit_usd, "/month_limit_usd"))
    return terms, unit


def nano_of(given: object, pointer: str) -> int:
    return exact_nano(quantity(given, pointer))


def cents_of(given: object, pointer: str, *, most: int = MOST_CENTS) -> int:
    """US cents, at most `most`, of dollars. Raises Problem 400."""
    cents = quantity(given, pointer) * 100
    if cents != int(cents) or cents > most:
        raise invalid(f"Dollars and whole cents, at most {most // 100:,}.", pointer=pointer)
    return int(cents)


def _money(cents: int) -> dict[str, Any]:
    return {"amount": cents, "currency": "usd"}
