"""Workspaces with as many events as you like: made by SQL, day by day, in the shape that the services give them.

The ledger's part and the series are made by the product's own services (an operation per hour), events and hourly
totals by set-based SQL beside them in the same transaction. verify_ledger finds nothing to say about any of it. Runs
inside Django.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.site.selectors import site
from billing.ledger.book import Book, open_book
from billing.ledger.records import OperationDraft
from billing.ledger.services import credits_grant
from billing.metering.events import plain
from billing.metering.keys import NAMESPACE, batch_key
from billing.metering.series import SeriesKey, series_ids
from billing.pricing.book import prices_for

ORIGIN, APP, TASK = "service", "web", "chat"
METERS = ("input_tokens", "output_tokens")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Shape:
    """So many events, spread evenly over the last `days` days. `agents`: how many of them take turns; 0: each event
    comes from an agent of its own. `operations`: how many charge the events of an hour.
    """

    events: int
    days: int
    agents: int = 5
    operations: int = 1
    models: tuple[str, ...] = ("openai/gpt-4o-mini", "openai/gpt-4o", "anthropic/claude-sonnet-4-5")


_MODELS = """
CREATE TEMP TABLE IF NOT EXISTS seeded_model
    (place int, provider text, model text, terms text[], nano bigint[]) ON COMMIT DROP
"""
_MADE = """
CREATE TEMP TABLE seeded_event ON COMMIT DROP AS
SELECT n, %(prefix)s || n AS event_id, made.at, date_trunc('hour', made.at, 'UTC') AS hour, n %% %(parts)s AS part,
    used.quantities,
    model.provider, model.model, model.terms, ARRAY[
        used.quantities[1] * model.nano[1], used.quantities[2] * model.nano[2]
    ] AS nano,
    used.quantities[1] * model.nano[1] + used.quantities[2] * model.nano[2] AS amount,
    'agent-' || CASE WHEN %(agents)s > 0 THEN n %% greatest(%(agents)s, 1) ELSE n END AS agent
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
CROSS JOIN LATERAL (
    SELECT %(day)s::timestamptz + (n - %(first)s) * (%(until)s::timestamptz - %(day)s::timestamptz) / %(count)s AS at
) made
CROSS JOIN LATERAL (SELECT ARRAY[200 + n * 37 %% 4001, 20 + n * 13 %% 701] AS quantities) used
JOIN seeded_model model ON model.place = n / greatest(%(agents)s, 1) %% %(models)s
"""
_OPERATIONS = r"""
SELECT hour, part, sum(amount)::bigint, sha256(string_agg(
    convert_to(event_id, 'UTF8') || '\x00'::bytea || convert_to(amount::text, 'UTF8') || '\x0a'::bytea, ''::bytea
    ORDER BY n))
FROM seeded_event GROUP BY hour, part ORDER BY hour, part
"""
_EVENTS = """
INSERT INTO metering_usageevent (workspace_id, origin, event_id, request_hash, provider, model, usage, variant, agent,
    app, task, end_user, metadata, occurred_at, booked_at, recorded_at, late, problem, lines, amount, cost_usd,
    operation_id, "offset")
SELECT %(workspace)s, %(origin)s, event_id, sha256(convert_to(event_id, 'UTF8')), provider, model,
    format('{"input_tokens": "%%s", "output_tokens": "%%s"}', quantities[1], quantities[2])::jsonb, '{}', agent,
    %(app)s, %(task)s, '', '{}', at, at, %(now)s, false, '',
    format('[{%%s, "quantity": "%%s", "from_allowance": "0", "nano": %%s}, '
           '{%%s, "quantity": "%%s", "from_allowance": "0", "nano": %%s}]',
        terms[1], quantities[1], nano[1], terms[2], quantities[2], nano[2])::jsonb,
    amount, amount * %(usd)s::numeric / 1000000000, paid.operation,
    (sum(amount) OVER (PARTITION BY hour, part ORDER BY n) - amount)::bigint
FROM seeded_event JOIN unnest(%(hours)s::timestamptz[], %(parts)s::int[], %(operations)s::bigint[])
    paid(hour, part, operation) USING (hour, part)
ORDER BY n
"""
_COMBINATIONS = "SELECT DISTINCT provider, model, agent FROM seeded_event"
_HOURS = """
INSERT INTO metering_hourtotal (workspace_id, hour, amount, requests)
SELECT %(workspace)s, hour, sum(amount), count(*) FROM seeded_event GROUP BY hour
ON CONFLICT (workspace_id, hour) DO UPDATE SET amount = metering_hourtotal.amount + excluded.amount,
    requests = metering_hourtotal.requests + excluded.requests
"""
_SERIES = """
INSERT INTO metering_hourusage (workspace_id, hour, series_id, quantity, amount, requests)
SELECT %(workspace)s, hour, known.id, sum(quantities[known.meter]), sum(nano[known.meter]),
    sum(CASE WHEN known.meter = 1 THEN 1 ELSE 0 END)
FROM seeded_event JOIN unnest(%(providers)s::text[], %(names)s::text[], %(agents)s::text[], %(meters)s::int[],
    %(ids)s::bigint[]) known(provider, model, agent, meter, id) USING (provider, model, agent)
GROUP BY hour, known.id
ON CONFLICT (workspace_id, hour, series_id) DO UPDATE SET quantity = metering_hourusage.quantity + excluded.quantity,
    amount = metering_hourusage.amount + excluded.amount, requests = metering_hourusage.requests + excluded.requests
"""


def seed(name: str, shape: Shape, *, now: datetime | None = None) -> Workspace:
    """A new workspace with such a history, which ends at `now`. Needs prices of the models."""
    now = now or clock.now()
    workspace = Workspace.objects.create(name=name)
    begin = now - shape.days * DAY
    credits_grant(workspace_id=workspace.pk, key="seeded", amount=1_000_000_000 * NANO, label="Seeded", now=begin)
    first = 0
    for day in range(shape.days):
        last = shape.events * (day + 1) // shape.days - 1
        if last >= first:
            _day(workspace.pk, shape, begin + day * DAY, first, last)
        first = last + 1
    return workspace


def _day(workspace_id: int, shape: Shape, start: datetime, first: int, last: int) -> None:
    until = start + DAY
    with open_book(workspace_id, now=until) as book, connection.cursor() as cursor:
        _models(cursor, shape, until)
        cursor.execute("DROP TABLE IF EXISTS seeded_event")
        cursor.execute(
            _MADE,
            {
                "prefix": f"seeded-{workspace_id}-", "agents": shape.agents, "models": len(shape.models),
                "first": first, "last": last, "count": last - first + 1, "day": start, "until": until,
                "parts": shape.operations,
            },
        )  # fmt: skip
        hours, places, operations = zip(*_charged(cursor, book), strict=True)
        values: dict[str, Any] = {
            "workspace": workspace_id, "origin": ORIGIN, "app": APP, "task": TASK, "now": until,
            "usd": site().usd_per_credit, "hours": list(hours), "parts": list(places), "operations": list(operations),
        }  # fmt: skip
        book.flush()  # events name the operations
        cursor.execute(_EVENTS, values)
        cursor.execute(_HOURS, values)
        cursor.execute(_SERIES, values | _series(cursor, workspace_id, until))


def _models(cursor: Any, shape: Shape, at: datetime) -> None:
    """What each meter of each model costs: the stored terms of a line, and nano-credits per unit."""
    cursor.execute(_MODELS)
    cursor.execute("TRUNCATE seeded_model")
    for place, ref in enumerate(shape.models):
        prices = prices_for(ref)
        if prices is None:
            raise LookupError(f"{ref} has no prices")
        terms, nano = [], []
        for meter in METERS:
            line = prices.tariff(at=at, variant={}).lines[meter]
            each = line.usd(Decimal(NANO)) / site().usd_per_credit
            if each != int(each):
                raise ValueError(f"{meter} of {ref} does not cost whole nano-credits")
            nano.append(int(each))
            stored = {"meter": meter, "price_id": line.price_id, "price": plain(line.price_usd), "per": line.per}
            terms.append(json.dumps(stored | {"markup": plain(line.markup_percent)})[1:-1])
        cursor.execute(
            "INSERT INTO seeded_model VALUES (%s, %s, %s, %s, %s)", [place, prices.provider, prices.model, terms, nano]
        )


def _charged(cursor: Any, book: Book) -> Iterator[tuple[datetime, int, int]]:
    """Each hour, or each part of it, charged by an operation of its own."""
    cursor.execute(_OPERATIONS)
    for hour, part, amount, digest in cursor.fetchall():
        items = bytes(digest)
        operation = OperationDraft(NAMESPACE, batch_key(ORIGIN, items), items, "usage.spend")
        book.spend(operation=operation, amount=amount, occurred_at=hour, items_digest=items)
        if operation.id is None:
            raise ValueError("an hour without a charge")
        yield hour, part, operation.id


def _series(cursor: Any, workspace_id: int, now: datetime) -> dict[str, list[Any]]:
    """The series of every combination and meter, as columns; the day's limit holds as it does for the API."""
    cursor.execute(_COMBINATIONS)
    keys = {
        (provider, model, agent, place + 1): SeriesKey(
            workspace_id, provider, model, meter, None, TASK, agent, APP, None
        )
        for provider, model, agent in cursor.fetchall()
        for place, meter in enumerate(METERS)
    }
    found = series_ids(keys.values(), rated=frozenset(keys.values()), now=now)
    columns = list(zip(*keys, strict=True))
    ids = [found[key] for key in keys.values()]
    return dict(zip(("providers", "names", "agents", "meters", "ids"), [*map(list, columns), ids], strict=True))
