"""Answers about add-ons."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest

from accounts.models import ApiKey, Workspace
from billing.api import documents
from billing.api.present import amount
from billing.api.problems import Problem, invalid
from billing.api.refusals import problems
from billing.api.schemas.addons import AddOnBody
from billing.credits import clock
from billing.metering.validate import instant
from billing.plans.addons.changes import Preview, addon_preview
from billing.plans.addons.errors import (
    BeingCharged,
    ChangeConflict,
    NoSuchAddOn,
    NotCovered,
    NotEnoughCredits,
    PreviewOutdated,
    QuantityRefused,
)
from billing.plans.addons.selectors import Offer, monthly_of, offers
from billing.plans.addons.services import Done, addon_set
from billing.plans.models import AddOnChange


def listed(workspace: Workspace) -> dict[str, Any]:
    monthly = amount("monthly_credits", monthly_of(workspace))
    return {"data": [_offer(offer) for offer in offers(workspace)], **monthly}


def changed(
    *, workspace: Workspace, key: ApiKey, raw: object, preview: bool, idempotency_key: str, request: HttpRequest
) -> tuple[dict[str, Any], bool]:
    """The change and whether it was done before. Raises Problem 400, 402, 404, 409 or 503."""
    body = documents.read(raw, AddOnBody)
    with problems():
        at = None if body.at is None else instant(body.at, "/at")
    with _refusals():
        if preview:
            shown = addon_preview(workspace=workspace, addon_key=body.addon, quantity=body.quantity, at=at)
            return _preview(shown), False
        name = _key(key, idempotency_key)
        done = addon_set(
            workspace=workspace, addon_key=body.addon, quantity=body.quantity, key=name, actor=_actor(key),
            at=at, request=request,
        )  # fmt: skip
    return _done(done), done.replay


def removed(
    *, workspace: Workspace, key: ApiKey, addon: str, preview: bool, idempotency_key: str, request: HttpRequest
) -> tuple[dict[str, Any], bool]:
    """The change and whether it was done before. Raises Problem 404, 409 or 503."""
    with _refusals():
        if preview:
            return _preview(addon_preview(workspace=workspace, addon_key=addon, quantity=0)), False
        name = _key(key, idempotency_key)
        done = addon_set(workspace=workspace, addon_key=addon, quantity=0, key=name, actor=_actor(key), request=request)
    return _done(done), done.replay


def _key(key: ApiKey, idempotency_key: str) -> str:
    return f"api:{key.kind}:{idempotency_key or secrets.token_urlsafe(18)}"


def _actor(key: ApiKey) -> str:
    return f"{key.kind} key {key.prefix}…"


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NoSuchAddOn as error:
        raise Problem("not_found", error.message) from error
    except QuantityRefused as error:
        raise invalid(error.message, pointer="/quantity") from error
    except NotEnoughCredits as error:
        members: dict[str, Any] = {}
        for name in ("needed", "available", "missing"):
            members |= amount(name, getattr(error, name))
        raise Problem("insufficient_credits", error.message, members=members) from error
    except NotCovered as error:
        raise Problem("insufficient_credits", error.message) from error
    except PreviewOutdated as error:
        raise Problem("preview_outdated", error.message) from error
    except ChangeConflict as error:
        raise Problem("idempotency_conflict", error.message) from error
    except BeingCharged as error:
        raise Problem("unavailable", error.message, headers={"Retry-After": "60"}) from error


def _offer(offer: Offer) -> dict[str, Any]:
    addon, held = offer.addon, offer.held
    return {
        "addon": addon.key,
        "name": offer.name,
        "description": addon.description,
        **amount("monthly_credits", addon.monthly_credits),
        "most": addon.most,
        "concurrency": offer.concurrency,
        "feature": offer.feature or None,
        "offered": addon.on_offer(clock.now()),
        "held": held
        and {
            "quantity": held.quantity,
            "next_quantity": held.next_quantity,
            "status": held.status,
            **amount("monthly_credits", held.monthly_credits),
            "started_at": held.started_at,
            "paid_until": held.paid_until,
            "suspends_at": held.suspends_at,
        },
    }


def _preview(shown: Preview) -> dict[str, Any]:
    change = shown.change
    return {
        "id": None,
        "addon": change.addon.key,
        "before": change.before,
        "quantity": change.quantity,
        "at": change.at,
        "effective_at": change.effective_at,
        "until": change.ends,
        **amount("charged", change.charged),
        **amount("monthly_credits", change.monthly),
        "sufficient": shown.sufficient,
    }


def _done(done: Done) -> dict[str, Any]:
    row: AddOnChange = done.change
    return {
        "id": row.public_id,
        "addon": row.held.addon.key,
        "before": row.before,
        "quantity": row.quantity,
        "at": row.at,
        "effective_at": row.effective_at,
        "until": row.until,
        **amount("charged", row.charged),
        **amount("monthly_credits", row.held.monthly_credits * row.quantity),
        "sufficient": True,
    }
