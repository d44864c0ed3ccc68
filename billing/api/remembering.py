"""Answers to changed settings, kept under an Idempotency-Key beside what was done: a repeat is answered the same."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import ApiKey, Workspace
from billing.alerts.usage.models import AlertsAnswer
from billing.api import jsontext
from billing.api.problems import Problem
from billing.packs.autotopup.models import TopUpAnswer

Rows = type[TopUpAnswer] | type[AlertsAnswer]


def answered_once(
    rows: Rows,
    *,
    workspace: Workspace,
    key: ApiKey,
    idempotency_key: str,
    request_hash: bytes,
    act: Callable[[], dict[str, Any]],
) -> tuple[dict[str, Any], bool]:
    """What `act` answers, and whether this is a repeat: then it was done before, and nothing is done now. Without a
    key it is always done. `act` runs in a transaction, in which its answer is kept; only successes are. Raises Problem
    409 for a key that was used with another body, and what `act` raises.
    """
    # Keys of the operator's backend and those of customers never meet.
    name = f"{key.kind}:{idempotency_key}" if idempotency_key else ""
    if name and (known := _known(rows, workspace, name, request_hash)) is not None:
        return known, True
    try:
        with transaction.atomic():
            answered = act()
            if name:
                text = jsontext.dumps(answered)
                rows.objects.create(workspace=workspace, key=name, request_hash=request_hash, answer=text)
    except IntegrityError:  # the same request, sent twice: the other one was faster
        known = _known(rows, workspace, name, request_hash) if name else None
        if known is None:
            raise
        return known, True
    return answered, False


def _known(rows: Rows, workspace: Workspace, name: str, request_hash: bytes) -> dict[str, Any] | None:
    found = rows.objects.filter(workspace=workspace, key=name).first()
    if found is None:
        return None
    if bytes(found.request_hash) != request_hash:
        raise Problem("idempotency_conflict", "This key was used before with another body. Nothing was changed.")
    answer: dict[str, Any] = json.loads(found.answer, parse_float=Decimal)
    return answer
