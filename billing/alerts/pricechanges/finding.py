"""Which prices change when, found by query: the book is asked what a customer pays just before and at each instant at
which a line, a markup, or something that the customer agreed on begins or ends.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from billing.alerts.pricechanges.changes import Key, ModelChange, differences, with_steps
from billing.credits import clock
from billing.foundation.cache import TimedCache
from billing.foundation.site.selectors import site
from billing.metering.selectors.past import models_used, used_by
from billing.pricing.book import prices_of
from billing.pricing.display import Price
from billing.pricing.models import CatalogModel, Markup, PriceDiscount, PriceLine, PriceOverride, TierSchedule
from billing.pricing.selectors import listings
from billing.pricing.terms import Terms, terms_for

USED_WITHIN = timedelta(days=30)
JUST_BEFORE = timedelta(microseconds=1)
KEEP_SECONDS = 60


def changed_models(after: datetime) -> set[Key]:
    """Models with a price that begins or ends for everybody, or a markup or tiers that begin or end, later than
    `after`.
    """
    day = after.date()
    dated = _begins_or_ends(after) | Q(upstream_from__gt=day) | Q(upstream_until__gt=day)
    lines = PriceLine.objects.filter(dated, status="active").exclude(model="")
    found = set(lines.values_list("provider", "model").distinct())
    scopes = set(Markup.objects.filter(effective_from__gt=after).values_list("provider", "model"))
    tiers = TierSchedule.objects.filter(_begins_or_ends(after), workspace=None)
    scopes |= set(tiers.values_list("provider", "model"))
    if scopes:
        used = models_used(None, since=clock.now() - USED_WITHIN, until=clock.now())
        found |= {key for key in used if scopes & {key, (key[0], ""), ("", "")}}
    return found


def changed_terms(after: datetime) -> set[int]:
    """Workspaces of which something of what they agreed on begins or ends later than `after`."""
    found: set[int] = set()
    for table in (PriceOverride.objects, PriceDiscount.objects, TierSchedule.objects.exclude(workspace=None)):
        rows = table.filter(_begins_or_ends(after)).order_by()
        found.update(rows.values_list("workspace_id", flat=True).distinct())
    return found


def _begins_or_ends(after: datetime) -> Q:
    return Q(effective_from__gt=after) | Q(effective_to__gt=after)


def model_changes(keys: Iterable[Key], *, after: datetime, terms: Terms) -> dict[Key, list[ModelChange]]:
    """What changes for customers of each model with these terms later than `after`, in order of time; models without
    news left out.
    """
    wanted = set(keys)
    models = {
        (model.provider, model.model): model
        for model in CatalogModel.objects.filter(provider__in={key[0] for key in wanted})
        if (model.provider, model.model) in wanted
    }
    prices = prices_of(models)
    found: dict[Key, list[ModelChange]] = {}
    for key, model in models.items():
        edges = sorted({at for at in (*prices[key].edges, *terms.edges) if at > after})
        changes = [_change(model, at, terms) for at in edges]
        if news := [change for change in changes if change.prices]:
            found[key] = news
    return found


def _change(model: CatalogModel, at: datetime, terms: Terms) -> ModelChange:
    """What is another price at `at` than just before."""
    before, after = (_prices(model, now, terms) for now in (at - JUST_BEFORE, at))
    return ModelChange(model.provider, model.model, model.name, at, differences(before, after))


def _prices(model: CatalogModel, now: datetime, terms: Terms) -> list[Price]:
    (listing,) = listings([model], now=now, usd_per_credit=site().usd_per_credit, terms=terms)
    return with_steps(listing.prices)


def news(*, after: datetime, now: datetime) -> dict[int, list[ModelChange]]:
    """By workspace, what its people should know by now: every rise, and the drops that have taken effect. Workspaces
    that used none of it since 30 days before `after` are not among them.
    """
    since = min(after, now) - USED_WITHIN
    users = used_by(list(changed_models(after)), since=since, until=now)
    for workspace_id in changed_terms(after):
        users[workspace_id] = models_used(workspace_id, since=since, until=now)
    found: dict[int, list[ModelChange]] = {}
    for terms, group in _by_terms(users):
        changes = model_changes(set().union(*group.values()), after=after, terms=terms)
        due = {key: [each for each in listed if each.rise or each.at <= now] for key, listed in changes.items()}
        found |= {workspace_id: _of(keys, due) for workspace_id, keys in group.items()}
    return {workspace_id: changes for workspace_id, changes in found.items() if changes}


def _by_terms(users: Mapping[int, set[Key]]) -> Iterable[tuple[Terms, dict[int, set[Key]]]]:
    """Most workspaces share one and the same terms: what changes for them is worked out once."""
    groups: dict[int, tuple[Terms, dict[int, set[Key]]]] = {}
    for workspace_id, keys in users.items():
        terms = terms_for(workspace_id)
        groups.setdefault(id(terms), (terms, {}))[1][workspace_id] = keys
    return groups.values()


def announced(workspace_id: int) -> tuple[ModelChange, ...]:
    """Changes to come of models that a workspace used in the last 30 days, for its pages; at most a minute old."""
    return _announced.get(workspace_id)


def _load(workspace_id: int) -> tuple[ModelChange, ...]:
    now = clock.now()
    used = models_used(workspace_id, since=now - USED_WITHIN, until=now)
    if workspace_id not in changed_terms(now):
        used &= changed_models(now)
    return tuple(_of(used, model_changes(used, after=now, terms=terms_for(workspace_id))))


_announced: TimedCache[int, tuple[ModelChange, ...]] = TimedCache(_load, seconds=KEEP_SECONDS, most=1_000)


def _of(keys: Iterable[Key], changes: Mapping[Key, list[ModelChange]]) -> list[ModelChange]:
    found = [change for key in keys for change in changes.get(key, [])]
    return sorted(found, key=lambda change: (change.at, change.key))
