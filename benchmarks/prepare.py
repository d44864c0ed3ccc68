"""What the scratch database needs: schema, prices, workspaces with credits, a key. Runs inside Django."""

from dataclasses import dataclass

from django.core.management import call_command
from django.db import connection

from accounts.models import Workspace
from accounts.scopes import KeyKind, Scope
from accounts.services.keys import api_key_create
from billing.credits.units import NANO
from billing.foundation.site.models import SiteSettings
from billing.ledger.services import credits_grant
from billing.pricing.testing import import_demo_prices

# Ids from here on occur nowhere else in a statement, so that the floor can replace them in recorded parameters.
FIRST_WORKSPACE = 8_100_000_000
FIRST_LOT = 8_200_000_000


@dataclass(frozen=True)
class Prepared:
    key: str
    workspaces: list[tuple[int, str]]  # id, public id
    floor: list[tuple[int, str]]  # those of the floors


def prepare(*, workspaces: int) -> Prepared:
    """An installation with `workspaces` customers, and as many for the floor."""
    call_command("migrate", verbosity=0)
    SiteSettings.objects.get_or_create(pk=1)
    import_demo_prices()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('accounts_workspace_id_seq', %s)", [FIRST_WORKSPACE])
        cursor.execute("SELECT setval('ledger_lot_id_seq', %s)", [FIRST_LOT])
    made = [_workspace(number) for number in range(2 * workspaces)]
    _, key = api_key_create(
        kind=KeyKind.SERVICE,
        workspace=None,
        name="bench",
        scopes=[Scope.USAGE_READ, Scope.USAGE_WRITE, Scope.BILLING_READ],
        rate_limit=1_000_000,
    )
    return Prepared(key, made[:workspaces], made[workspaces:])


def _workspace(number: int) -> tuple[int, str]:
    workspace = Workspace.objects.create(name=f"Customer {number}")
    for lot in range(3):
        credits_grant(workspace_id=workspace.pk, key=f"bench-{lot}", amount=1_000_000 * NANO, label=f"Lot {lot}")
    return workspace.pk, workspace.public_id


def first_lots(workspaces: list[int]) -> dict[int, int]:
    """Workspace → its first lot."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, min(id) FROM ledger_lot WHERE workspace_id = ANY(%s) GROUP BY 1 ORDER BY 1",
            [workspaces],
        )
        return dict(cursor.fetchall())
