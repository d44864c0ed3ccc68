"""Which prices change when, found by query: the book is asked for a customer's prices just before and at each instant
at which a line, or a markup, begins or ends.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from billing.alerts.pricechanges.changes import Key, ModelChange, differences
from billing.credits import clock
from billing.foundation.cache import TimedCache
from billing.foundation.site.selectors import site
from billing.metering.selectors.past import models_used, used_by
from billing.pricing.book import prices_of
from billing.pricing.models import CatalogModel, Markup, PriceLine
from billing.pricing.selectors import listings

USED_WITHIN = timedelta(days=30)
JUST_BEFORE = timedelta(microseconds=1)
KEEP_SECONDS = 60


def changed_models(after: datetime) -> set[Key]:
    """Models with a price that begins or ends, or a markup that begins, later than `after`."""
    day = after.date()
    dated = Q(effective_from__gt=after) | Q(effective_to__gt=after) | Q(upstream_from__gt=day)
    lines = PriceLine.objects.filter(dated | Q(upstream_until__gt=day), status="active").exclude(model="")
    found = set(lines.values_list("provider", "model").distinct())
    markups = Markup.objects.filter(effective_from__gt=after)
    scopes = set(markups.values_list("provider", "model"))
    if scopes:
        used = models_used(None, since=clock.now() - USED_WITHIN, until=clock.now())
        found |= {key for key in used if scopes & {key, (key[0], ""), ("", "")}}
    return found


def model_changes(keys: Iterable[Key], *, after: datetime) -> dict[Key, list[ModelChange]]:
    """What changes for customers of each model later than `after`, in order of time; models without news left out."""
    wanted = set(keys)
    models = {
        (model.provider, model.model): model
        for model in CatalogModel.objects.filter(provider__in={key[0] for key in wanted})
        if (model.provider, model.model) in wanted
    }
    prices = prices_of(models)
    found: dict[Key, list[ModelChange]] = {}
    for key, model in models.items():
        changes = [_change(model, edge) for edge in prices[key].edges if edge > after]
        if news := [change for change in changes if change.prices]:
            found[key] = news
    return found


def _change(model: CatalogModel, at: datetime) -> ModelChange:
    """What is another price at `at` than just before."""
    face = site().usd_per_credit
    before, after = (listings([model], now=now, usd_per_credit=face)[0] for now in (at - JUST_BEFORE, at))
    return ModelChange(model.provider, model.model, model.name, at, differences(before.prices, after.prices))


def news(*, after: datetime, now: datetime) -> dict[int, list[ModelChange]]:
    """By workspace, what its people should know by now: every rise, and the drops that have taken effect. Workspaces
    that used none of it since 30 days before `after` are not among them.
    """
    changes = model_changes(changed_models(after), after=after)
    due = {key: [each for each in found if each.rise or each.at <= now] for key, found in changes.items()}
    users = used_by([key for key in due if due[key]], since=min(after, now) - USED_WITHIN, until=now)
    return {workspace: _of(keys, due) for workspace, keys in users.items()}


def announced(workspace_id: int) -> tuple[ModelChange, ...]:
    """Changes to come of models that a workspace used in the last 30 days, for its pages; at most a minute old."""
    return _announced.get(workspace_id)


def _load(workspace_id: int) -> tuple[ModelChange, ...]:
    now = clock.now()
    used = models_used(workspace_id, since=now - USED_WITHIN, until=now)
    return tuple(_of(used, model_changes(used & changed_models(now), after=now)))


_announced: TimedCache[int, tuple[ModelChange, ...]] = TimedCache(_load, seconds=KEEP_SECONDS, most=1_000)


def _of(keys: Iterable[Key], changes: Mapping[Key, list[ModelChange]]) -> list[ModelChange]:
    found = [change for key in keys for change in changes.get(key, [])]
    return sorted(found, key=lambda change: (change.at, change.key))
