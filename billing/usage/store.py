"""The SQL of authorising: the row that is written with a hold."""

import json

from billing.ledger.records import HoldState
from billing.ledger.roundtrip import Statement
from billing.metering.events import Source, plain
from billing.pricing.tariff import ModelPrices
from billing.usage.sizing import Sized
from billing.usage.wanted import HoldWanted

_WRITE = """
INSERT INTO usage_authorization (hold_id, workspace_id, api_key_id, provider, model, variant, project, agent, app, task,
    basis, note, usage, expected, created_at)
VALUES (%s::bigint, %s::bigint, %s::bigint, %s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::bigint,
    %s::timestamptz)
"""


def write(
    hold: HoldState,
    *,
    workspace_id: int,
    source: Source,
    asked: HoldWanted,
    prices: ModelPrices,
    size: Sized,
    expected: int,
) -> Statement:
    """The authorisation of a hold that was just placed. `expected` is in nano-credits."""
    wanted, key = asked.wanted, source.api_key_id
    return _WRITE, (
        str(hold.id),
        str(workspace_id),
        None if key is None else str(key),
        prices.provider,
        prices.model,
        json.dumps(dict(wanted.variant)),
        wanted.project,
        asked.agent,
        asked.app,
        wanted.task,
        size.basis,
        size.note,
        json.dumps({meter: plain(quantity) for meter, quantity in size.usage.items()}),
        str(expected),
        hold.created_at.isoformat(),
    )
