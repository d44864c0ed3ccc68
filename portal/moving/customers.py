"""Who workspaces are at Stripe, from an installation that has sold through Stripe before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q

from accounts.models import Workspace
from billing.foundation.audit.services import record
from billing.gateway.customers import customers_link
from billing.gateway.errors import Refused
from billing.gateway.models import StripeCustomer
from portal.moving.kinds import Doer, Facts, Kind, Reading
from portal.moving.table import Problem, Row

CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}")


@dataclass(frozen=True, slots=True)
class Entry:
    line: int
    workspace: Workspace
    stripe_id: str
    there: bool


class StripeCustomers(Kind):
    name = "stripe-customers"
    title = "Customers of Stripe"
    words = (
        "Which workspace is which customer of the Stripe account that is connected, so that cards and history stay. "
        "Stripe itself is not asked and nothing is charged."
    )
    columns = ("workspace", "stripe_customer")
    required = columns
    help = {
        "workspace": "Its external id, or its id here (ws_…).",
        "stripe_customer": "The customer's id at Stripe (cus_…).",
    }
    permissions = ("accounts.change_workspace", "ledger.add_operation")
    sample = "workspace,stripe_customer\ncust-1001,cus_NffrFeUfNV2Hib\n"
    most_on_page = 5_000
    heads = ("Workspace", "Id", "Stripe customer", "What happens")

    def read(self, rows: Sequence[Row]) -> Reading:
        reading = Reading()
        names = {row["workspace"] for row in rows}
        found = Workspace.objects.filter(Q(external_id__in=names) | Q(public_id__in=names))
        by_name = {name: workspace for workspace in found for name in (workspace.public_id, workspace.external_id)}
        live = settings.STRIPE_LIVE_MODE
        of = dict(
            StripeCustomer.objects.filter(livemode=live, workspace__in=found).values_list("workspace_id", "stripe_id")
        )
        ids = [row["stripe_customer"] for row in rows]
        owners = dict(StripeCustomer.objects.filter(stripe_id__in=ids).values_list("stripe_id", "workspace_id"))
        lines: dict[str, int] = {}
        for row in rows:
            workspace = by_name.get(row["workspace"])
            if wrong := _wrong(row, workspace, of, owners, lines):
                reading.problems.append(wrong)
            elif workspace is not None:
                there = of.get(workspace.pk) == row["stripe_customer"]
                reading.entries.append(Entry(row.line, workspace, row["stripe_customer"], there))
                lines |= {workspace.public_id: row.line, row["stripe_customer"]: row.line}
        return reading

    def facts(self, entries: Sequence[Entry]) -> Facts:
        known = sum(entry.there for entry in entries)
        return [
            ("Workspaces linked", f"{len(entries) - known:,}"),
            ("Linked so already", f"{known:,}"),
            ("Mode", "live" if settings.STRIPE_LIVE_MODE else "test"),
        ]

    def shown(self, entry: Entry) -> list[str]:
        what = "linked so already" if entry.there else "linked"
        return [entry.workspace.name, entry.workspace.public_id, entry.stripe_id, what]

    def do(self, entries: Sequence[Entry], doer: Doer) -> Facts:
        new = [entry for entry in entries if not entry.there]
        try:
            customers_link([(entry.workspace, entry.stripe_id) for entry in new])
        except Refused as error:
            raise ValidationError(f"{error} Nothing was imported: try the file again.") from None
        for done, entry in enumerate(new):
            doer.told(done)
            record(
                action="stripe_customer.linked",
                actor=doer.actor,
                workspace=entry.workspace,
                target=entry.stripe_id,
                request=doer.request,
            )
        return self.facts(entries)


def _wrong(
    row: Row, workspace: Workspace | None, of: dict[int, str], owners: dict[str, int], lines: dict[str, int]
) -> Problem | None:
    customer = row["stripe_customer"]
    if workspace is None:
        return Problem(
            row.line, "workspace", f"There is no workspace {row['workspace']!r}. Import the workspaces first."
        )
    if not CUSTOMER.fullmatch(customer):
        return Problem(
            row.line, "stripe_customer", f"{customer!r} is no customer of Stripe: their ids begin with cus_."
        )
    for name, column in ((workspace.public_id, "workspace"), (customer, "stripe_customer")):
        if name in lines:
            return Problem(row.line, column, f"Line {lines[name]} has it already.")
    if owners.get(customer, workspace.pk) != workspace.pk:
        return Problem(row.line, "stripe_customer", "Another workspace is this customer already.")
    if of.get(workspace.pk, customer) != customer:
        return Problem(row.line, "workspace", f"It is the customer {of[workspace.pk]} already, and stays so.")
    return None
