"""Answers about usage alerts, and changing them."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import ApiKey, Workspace
from billing.alerts.usage.models import AlertsAnswer
from billing.alerts.usage.selectors import history
from billing.alerts.usage.settings import MOST_CENTS, Wanted, alerts_set, settings_of
from billing.api import documents
from billing.api.autotopup import cents_of, nano_of
from billing.api.present import amount, optional_amount
from billing.api.problems import invalid
from billing.api.refusals import problems
from billing.api.remembering import answered_once
from billing.api.schemas.alerts import AlertsBody
from billing.ledger.selectors import balance
from billing.ledger.services import request_hash

POINTERS = {"month_cents": "/month_usd"}
TOLD = 20


def settings(workspace: Workspace) -> dict[str, Any]:
    wanted = settings_of(workspace)
    return {
        "percents": list(wanted.percents),
        **optional_amount("low_credits", wanted.low_credits),
        "low_days": wanted.low_days,
        "month_limit": None if wanted.month_cents is None else {"amount": wanted.month_cents, "currency": "usd"},
        **amount("low_below", balance(workspace.pk).low_bound),
        "told": [
            {"alert": row.alert, "text": row.line, "at": row.at, "mailed_at": row.mailed_at}
            for row in history(workspace)[:TOLD]
        ],
    }


def change(
    *, workspace: Workspace, key: ApiKey, raw: object, idempotency_key: str, request: HttpRequest
) -> tuple[dict[str, Any], bool]:
    """The settings afterwards, and whether this is a repeat. Raises Problem 400, 409 or 422."""
    body = documents.read(raw, AlertsBody)

    def act() -> dict[str, Any]:
        with problems():
            _change(workspace, key, body, request)
        return settings(workspace)

    return answered_once(
        AlertsAnswer,
        workspace=workspace,
        key=key,
        idempotency_key=idempotency_key,
        request_hash=request_hash(body.model_dump(exclude_unset=True)),
        act=act,
    )


def _change(workspace: Workspace, key: ApiKey, body: AlertsBody, request: HttpRequest) -> None:
    # What is left out stays as nobody else has changed it meanwhile.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    wanted = _wanted(settings_of(workspace), body)
    try:
        alerts_set(workspace=workspace, wanted=wanted, actor=f"{key.kind} key {key.prefix}…", request=request)
    except Refused as refused:
        raise invalid(refused.message, pointer=POINTERS.get(refused.field or "", f"/{refused.field}")) from refused


def _wanted(now: Wanted, body: AlertsBody) -> Wanted:
    given = body.model_fields_set
    if body.percents is not None:
        now = replace(now, percents=tuple(sorted(set(body.percents))))
    if "low_credits" in given:
        now = replace(now, low_credits=None if body.low_credits is None else nano_of(body.low_credits, "/low_credits"))
    if "low_days" in given:
        now = replace(now, low_days=body.low_days)
    if "month_usd" in given:
        month = None if body.month_usd is None else cents_of(body.month_usd, "/month_usd", most=MOST_CENTS)
        now = replace(now, month_cents=month)
    return now
