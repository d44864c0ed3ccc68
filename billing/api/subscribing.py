"""Answers about a workspace's subscription, and changing it."""

import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import ApiKey, Workspace
from billing.api import documents
from billing.api.access import refuse_suspended
from billing.api.present import amount
from billing.api.problems import Problem, invalid
from billing.api.schemas.subscription import SubscriptionBody
from billing.plans.models import SubscriptionChange
from billing.plans.subscribing.change import change_confirm
from billing.plans.subscribing.choices import Choice, choice_find
from billing.plans.subscribing.errors import ChangeConflict, ChangeGone, ChangeStale, PaymentsDown, PaymentsOff
from billing.plans.subscribing.preview import change_preview
from billing.plans.subscribing.standing import standing
from billing.plans.subscribing.views import back_to

KINDS = {"cancel": SubscriptionChange.Kind.CANCEL, "stay": SubscriptionChange.Kind.KEEP}


def subscription(workspace: Workspace) -> dict[str, Any]:
    stands = standing(workspace)
    row, span = stands.row, stands.span
    return {
        "current": _chosen(stands.choice) if stands.choice else None,
        "status": row.status if row else None,
        "period": {"starts_at": span.starts_at, "ends_at": span.ends_at} if span else None,
        "paid_until": row.paid_until if row else None,
        "trial_until": row.trial_until if row else None,
        "past_due_since": row.past_due_since if row else None,
        "ends_at": row.ends_at if row else None,
        "next": {**_chosen(stands.following), "at": row.changes_at} if row and stands.following else None,
        "newer": _chosen(stands.newer) if stands.newer else None,
        "next_credits_at": stands.grant_at,
        "allowances": [{"meter": each.meter, "included": each.included} for each in stands.included],
        "change": _change(stands.asked) if stands.asked else None,
    }


def subscription_change(
    *, workspace: Workspace, key: ApiKey, raw: object, only_show: bool, idempotency_key: str, request: HttpRequest
) -> tuple[dict[str, Any], bool]:
    """The change, and whether it was asked for before. Raises Problem 400, 403, 404, 409 or 503."""
    body = documents.read(raw, SubscriptionBody)
    if not _cancels(workspace, body):
        refuse_suspended(key)
    label = f"{key.kind} key {key.prefix}…"
    try:
        change, replay = _shown(workspace, key, body, idempotency_key, label)
        if not only_show:
            change = change_confirm(change=change, back=back_to(_absolute), actor=label, request=request)
    except ChangeConflict as error:
        raise Problem("idempotency_conflict", error.message) from error
    except (ChangeStale, ChangeGone) as error:
        raise Problem("preview_stale", error.message) from error
    except (PaymentsDown, PaymentsOff) as error:
        raise Problem("unavailable", error.message) from error
    except Refused as error:
        raise Problem("change_refused", error.message) from error
    return _change(change), replay


def _cancels(workspace: Workspace, body: SubscriptionBody) -> bool:
    if body.confirm is None:
        return body.action == "cancel"
    known = SubscriptionChange.objects.filter(workspace=workspace, public_id=body.confirm)
    return known.filter(kind=SubscriptionChange.Kind.CANCEL).exists()


def _shown(
    workspace: Workspace, key: ApiKey, body: SubscriptionBody, idempotency_key: str, label: str
) -> tuple[SubscriptionChange, bool]:
    if sum(1 for each in (body.plan, body.action, body.confirm) if each is not None) != 1:
        raise invalid("Name one of `plan`, `action` and `confirm`.")
    if body.plan is None and any(each is not None for each in (body.tier, body.interval, body.newest)):
        raise invalid("`tier`, `interval` and `newest` go with a `plan`.")
    if body.confirm is not None:
        known = SubscriptionChange.objects.filter(workspace=workspace, public_id=body.confirm)
        found = known.select_related("workspace", "subscription", "version__plan", "credit_tier").first()
        if found is None:
            raise Problem("not_found", "There is no such preview.")
        return found, found.status not in ("shown", "lapsed")
    choice = None
    if body.plan is not None:
        choice = choice_find(
            workspace,
            plan=body.plan,
            tier=body.tier or 0,
            interval=body.interval or "month",
            newest=bool(body.newest),
        )
        if choice is None:
            raise Problem("not_found", "There is no such plan, or not in this tier and interval.")
    return change_preview(
        workspace=workspace,
        choice=choice,
        kind=KINDS[body.action] if body.action else "",
        key=f"api:{key.kind}:{idempotency_key or secrets.token_urlsafe(18)}",
        origin=SubscriptionChange.Origin.API,
        actor_label=label,
    )


def _absolute(path: str) -> str:
    return settings.SITE_URL + path


def _chosen(choice: Choice) -> dict[str, Any]:
    return {
        "plan": choice.version.plan.key,
        "name": choice.version.plan.name,
        "version": choice.version.number,
        "tier": choice.tier.number if choice.tier else 0,
        "interval": choice.interval or None,
        "price": {"amount": choice.price_cents, "currency": "usd"},
        **amount("monthly_credits", choice.monthly_credits),
    }


def _change(change: SubscriptionChange) -> dict[str, Any]:
    following = change.shown.get("next")
    return {
        "id": change.public_id,
        "kind": change.kind,
        "status": change.status,
        "plan": change.version.plan.key if change.version else None,
        "version": change.version.number if change.version else None,
        "tier": (change.credit_tier.number if change.credit_tier else 0) if change.version else None,
        "interval": change.interval or None,
        "effective_at": change.effective_at,
        "due": {"amount": change.amount_due, "currency": change.currency},
        "lines": change.shown.get("lines", []),
        **amount("credits", change.credits),
        "credits_until": change.credits_until,
        "next_invoice": {
            "at": datetime.fromisoformat(following["at"]),
            "amount": {"amount": following["amount"], "currency": change.currency},
        }
        if following
        else None,
        "text": change.shown.get("sentences", []),
        "url": (change.session_url or None) if change.status == "asked" else None,
        "problem": change.problem or None,
        "created_at": change.created_at,
        "done_at": change.done_at,
    }
