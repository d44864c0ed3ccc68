"""Telling the operator that the ledger does not add up: in the log every time, by e-mail once a day."""

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string

from accounts.models import Workspace
from billing.foundation.due.models import DueJob
from billing.foundation.mail.others import alarm
from billing.foundation.operators import operators
from billing.foundation.site.selectors import site
from billing.ledger.records import Problem

log = logging.getLogger(__name__)

JOB: Final = "verify_ledger"
SHOWN = 20  # findings in an e-mail; the log has all
# One changed amount makes every later balance wrong: the first of these says it, more of them are no news.
CASCADING = frozenset({"balance_after"})


class LedgerDrift(Exception):
    """Something does not add up."""


def tell_operator(problems: Sequence[Problem], *, now: datetime) -> None:
    """Log every finding, and write an e-mail unless one of today has told the same."""
    for problem in problems:
        log.critical(
            "ledger drift: workspace %s seq %s: %s: %s",
            problem.workspace_id,
            problem.seq,
            problem.code,
            problem.detail,
        )
    try:
        _mail(problems, now)
    except Exception:  # whatever is wrong with the mail, the finding is what has to be told
        log.exception("the e-mail about the ledger could not be written")


def standing_alarm() -> str:
    """What the last verification found, in a sentence; empty when everything added up."""
    error = DueJob.objects.filter(name=JOB).values_list("last_error", flat=True).first() or ""
    kind, _, finding = error.partition(": ")
    return f"The ledger does not add up: {finding}." if kind == LedgerDrift.__name__ else ""


def _mail(problems: Sequence[Problem], now: datetime) -> None:
    if not operators():
        log.critical("nobody can be told by e-mail: there is no active superuser")
        return
    ids = dict.fromkeys(problem.workspace_id for problem in problems)
    names = dict(Workspace.objects.filter(pk__in=ids).values_list("pk", "public_id"))
    context = {
        "product": site().product_name,
        "count": len(problems),
        "findings": [
            {"workspace": _name(names, each.workspace_id), "seq": each.seq, "code": each.code, "detail": each.detail}
            for each in problems[:SHOWN]
        ],
        "left_out": max(len(problems) - SHOWN, 0),
        "workspaces": [_name(names, pk) for pk in ids],
    }
    alarm(
        subject=f"{site().product_name}: the ledger does not add up ({len(problems)} findings)",
        text=render_to_string("ledger/email/drift.txt", context),
        kind="ledger.drift",
        key=f"ledger-drift:{now.astimezone(UTC):%Y-%m-%d}:{_fingerprint(problems)}",
        link=f"{settings.SITE_URL}/admin/",
        button="Open the admin",
    )


def _name(names: dict[int, str], workspace_id: int) -> str:
    return names.get(workspace_id, f"workspace {workspace_id}")


def _fingerprint(problems: Sequence[Problem]) -> str:
    """The same for the same findings. Their details are left out: amounts go on changing while requests come in."""
    found = Counter((each.workspace_id, each.code, each.seq) for each in problems if each.code not in CASCADING)
    found.update({(each.workspace_id, each.code, None) for each in problems if each.code in CASCADING})
    return hashlib.sha256(repr(sorted(found.items(), key=repr)).encode()).hexdigest()
