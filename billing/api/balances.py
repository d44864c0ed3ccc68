"""Answers of the credits endpoints."""

from datetime import timedelta
from typing import Any

from accounts.models import Workspace
from billing.api.parameters import cursor_of, cursor_parts
from billing.api.present import amount
from billing.api.problems import invalid
from billing.api.schemas.base import PageQuery
from billing.credits import clock
from billing.credits.units import credits
from billing.ledger import selectors as ledger_selectors
from billing.ledger.models import Transfer
from billing.ledger.selectors import LotRow
from billing.metering.runway import Runway
from billing.metering.selectors.breakdown import Named, named
from billing.metering.selectors.forecast import runway
from billing.metering.selectors.included import allowances
from billing.metering.selectors.totals import today_and_month
from billing.plans.addons.selectors import took

EXPIRING_WITHIN = timedelta(days=30)


def summary(workspace: Workspace) -> dict[str, Any]:
    now = clock.now()
    balance = ledger_selectors.balance(workspace.pk, now)
    spent, add_ons = today_and_month(workspace, now), took(workspace, now)
    return {
        **amount("balance", balance.available),
        **amount("pending", ledger_selectors.pending(workspace.pk)),
        **amount("held", balance.held),
        **amount("debt", balance.debt),
        "state": balance.state,
        "usage": {"today": credits(spent.today + add_ons.today), "thisMonth": credits(spent.month + add_ons.month)},
        "breakdown": {
            "agents": [_named(row) for row in named(workspace, "agent", now=now)],
            "apps": [_named(row) for row in named(workspace, "app", now=now)],
            "addons": {"today": credits(add_ons.today), "thisMonth": credits(add_ons.month)},
        },
        "allowances": [
            {
                "meter": row.meter,
                "included": row.included,
                "used": row.used,
                "reserved": row.reserved,
                "resets_at": row.resets_at,
            }
            for row in allowances(workspace.pk, now)
        ],
        "expiring": [
            {**amount("credits", row.amount), "at": row.at}
            for row in ledger_selectors.expiring(workspace.pk, EXPIRING_WITHIN, now)
        ],
        **_runway(runway(workspace.pk, available=balance.available, now=now)),
        "as_of": now,
    }


def _runway(found: Runway | None) -> dict[str, Any]:
    return {
        "runway_days": found.days if found else None,
        "runway_days_low": found.low if found else None,
        "runway_days_high": found.high if found else None,
    }


def _named(row: Named) -> dict[str, Any]:
    return {"name": row.name, "today": credits(row.today), "thisMonth": credits(row.month)}


def lots(workspace: Workspace, query: PageQuery) -> dict[str, Any]:
    rows = ledger_selectors.lots(workspace.pk)
    start = 0
    if query.cursor is not None:
        (last,) = cursor_parts(query.cursor, int)
        start = next((place + 1 for place, row in enumerate(rows) if row.id == last), -1)
        if start < 0:
            raise invalid("This is not a cursor of this list.", parameter="cursor")
    page = rows[start : start + query.limit]
    more = start + query.limit < len(rows)
    return {"data": [_lot(row) for row in page], "next_cursor": cursor_of(page[-1].id) if more else None}


def _lot(row: LotRow) -> dict[str, Any]:
    return {
        "id": f"lot_{row.id}",
        "source": row.source,
        "label": row.label,
        **amount("amount", row.amount),
        **amount("remaining", row.remaining),
        **amount("held", row.held),
        "granted_at": row.granted_at,
        "effective_at": row.effective_at,
        "expires_at": row.expires_at,
        "status": row.status,
    }


def ledger(workspace: Workspace, query: PageQuery) -> dict[str, Any]:
    before = None
    if query.cursor is not None:
        (before,) = cursor_parts(query.cursor, int)
    rows = list(
        ledger_selectors.transfers(
            workspace.pk, before_seq=before if isinstance(before, int) else None, limit=query.limit + 1
        )
    )
    page = rows[: query.limit]
    return {
        "data": [_transfer(row) for row in page],
        "next_cursor": cursor_of(page[-1].seq) if len(rows) > len(page) else None,
    }


def _transfer(row: Transfer) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "kind": row.kind,
        "debit": row.debit,
        "credit": row.credit,
        **amount("amount", row.amount),
        **amount("balance_after", row.balance_after),
        "occurred_at": row.occurred_at,
        "created_at": row.created_at,
        "digest": bytes(row.digest).hex(),
    }
