"""Usage of before: sums of days by model and meter, to be looked at and never charged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from django.core.exceptions import ValidationError
from django.db.models import Q

from accounts.models import Workspace
from billing.foundation.audit.services import record
from billing.metering.earlier import Earlier, NotEarlier, earlier_usage_add, first_day_here
from billing.metering.models import EarlierUsage
from billing.metering.rated import split_ref
from billing.pricing.book import prices_for
from billing.pricing.models import Meter
from portal.moving.kinds import Doer, Facts, Kind, Reading
from portal.moving.table import Problem, Row, date_of, decimal_of

MOST = 10**12  # of a quantity and of requests, as in an event
Name = tuple[int, date, str, str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    line: int
    workspace: Workspace
    usage: Earlier
    there: bool

    @property
    def ref(self) -> str:
        return "/".join(filter(None, (self.usage.provider, self.usage.model)))


class Usage(Kind):
    name = "usage"
    title = "Usage of before"
    words = (
        "What workspaces used on the days before they came here, by model and meter, so that charts and summaries "
        "begin with it. It changes no balance: nothing is priced, charged or counted by a budget."
    )
    columns = ("workspace", "day", "model", "meter", "quantity", "requests")
    required = ("workspace", "day", "meter", "quantity")
    help = {
        "workspace": "Its external id, or its id here (ws_…).",
        "day": "The day (UTC), such as 2026-10-31; before the workspace's first request here, and before today.",
        "model": "Such as openai/gpt-4o-mini; empty for meters of the platform.",
        "meter": "Such as input_tokens: a key of “Meters”.",
        "quantity": "What was used of it on that day, at most 9 decimals.",
        "requests": "How many requests that were. Of several meters of the same requests say it in one row only.",
    }
    permissions = ("accounts.change_workspace", "ledger.add_operation")
    sample = (
        "workspace,day,model,meter,quantity,requests\n"
        "cust-1001,2026-10-30,openai/gpt-4o-mini,input_tokens,1250000,840\n"
        "cust-1001,2026-10-30,openai/gpt-4o-mini,output_tokens,310000,\n"
    )
    most_on_page = 10_000
    heads = ("Workspace", "Day", "Model", "Meter", "Quantity", "Requests", "What happens")

    def read(self, rows: Sequence[Row]) -> Reading:
        reading = Reading()
        workspaces = _workspaces({row["workspace"] for row in rows})
        first = {each.pk: first_day_here(each.pk) for each in set(workspaces.values())}
        there = _there(list(first))
        meters = set(Meter.objects.values_list("key", flat=True))
        seen: dict[Name, int] = {}
        for row in rows:
            workspace = workspaces.get(row["workspace"])
            if problems := list(_problems(row, workspace, first, meters)):
                reading.problems.extend(problems)
                continue
            assert workspace is not None  # noqa: S101 - for mypy; else it is among the problems
            usage = _usage(row)
            name = workspace.pk, usage.day, usage.provider, usage.model, usage.meter
            if name in seen:
                text = f"Line {seen[name]} has this meter of that day already. Add them up in one row."
                reading.problems.append(Problem(row.line, "meter", text))
                continue
            seen[name] = row.line
            reading.entries.append(Entry(row.line, workspace, usage, name in there))
        return reading

    def facts(self, entries: Sequence[Entry]) -> Facts:
        new = [entry for entry in entries if not entry.there]
        days = [entry.usage.day for entry in new]
        return [
            ("Rows taken in", f"{len(new):,}"),
            ("Workspaces", f"{len({entry.workspace.pk for entry in new}):,}"),
            ("Requests", f"{sum(entry.usage.requests for entry in new):,}"),
            ("Days", f"{min(days)} to {max(days)}" if days else "–"),
            ("Rows there already, left as they are", f"{len(entries) - len(new):,}"),
        ]

    def shown(self, entry: Entry) -> list[str]:
        usage = entry.usage
        return [
            entry.workspace.name,
            str(usage.day),
            entry.ref or "–",
            usage.meter,
            f"{usage.quantity.normalize():,f}",
            f"{usage.requests:,}",
            "there already" if entry.there else "taken in",
        ]

    def do(self, entries: Sequence[Entry], doer: Doer) -> Facts:
        facts = self.facts(entries)
        # In the order of their ids: each is locked, and stays so until the file is in.
        ordered = sorted(entries, key=lambda entry: entry.workspace.pk)
        done = 0
        for _, group in groupby(ordered, key=lambda entry: entry.workspace.pk):
            rows = list(group)
            workspace = rows[0].workspace
            try:
                added = earlier_usage_add(workspace_id=workspace.pk, rows=[row.usage for row in rows])
            except NotEarlier as error:
                raise ValidationError(f"{workspace.name}: {error} Nothing was imported.") from None
            if added:
                record(
                    action="usage.imported",
                    actor=doer.actor,
                    workspace=workspace,
                    target=f"{added:,} sums of days",
                    after={"rows": added, "requests": sum(row.usage.requests for row in rows if not row.there)},
                    request=doer.request,
                )
            done += len(rows)
            doer.told(done)
        return facts


def _workspaces(names: set[str]) -> dict[str, Workspace]:
    found = Workspace.objects.filter(Q(external_id__in=names) | Q(public_id__in=names))
    return {name: each for each in found for name in (each.public_id, each.external_id) if name}


def _there(workspace_ids: list[int]) -> set[Name]:
    known = EarlierUsage.objects.filter(workspace__in=workspace_ids)
    return set(known.values_list("workspace_id", "day", "provider", "model", "meter"))


def _problems(row: Row, workspace: Workspace | None, first: Mapping[int, date], meters: set[str]) -> Iterator[Problem]:
    if workspace is None:
        text = f"There is no workspace {row['workspace']!r}. Import the workspaces first."
        yield Problem(row.line, "workspace", text)
    try:
        day = date_of(row["day"])
    except ValueError as error:
        yield Problem(row.line, "day", str(error))
    else:
        if workspace is not None and day >= first[workspace.pk]:
            text = f"From {first[workspace.pk]} on its usage counts by itself. Leave this row out."
            yield Problem(row.line, "day", text)
    if row["meter"] not in meters:
        yield Problem(row.line, "meter", f"There is no meter {row['meter']!r}. “Meters” in the admin lists them.")
    if len(row["model"]) > 200:
        yield Problem(row.line, "model", "At most 200 characters are taken.")
    yield from _number_problems(row)


def _number_problems(row: Row) -> Iterator[Problem]:
    quantity = requests = Decimal(0)
    try:
        quantity = decimal_of(row["quantity"])
    except ValueError as error:
        yield Problem(row.line, "quantity", str(error))
    try:
        requests = decimal_of(row["requests"]) if row["requests"] else requests
    except ValueError as error:
        yield Problem(row.line, "requests", str(error))
    if quantity > MOST or quantity != round(quantity, 9):
        yield Problem(row.line, "quantity", f"At most 9 decimals and {MOST:,} are taken.")
    if requests > MOST or requests != requests.to_integral_value():
        yield Problem(row.line, "requests", f"Whole numbers up to {MOST:,} are taken.")
    if row["quantity"] and not quantity and not requests:
        yield Problem(row.line, "quantity", "Nothing was used: leave this row out.")


def _usage(row: Row) -> Earlier:
    prices = prices_for(row["model"]) if row["model"] else None
    provider, model = split_ref(row["model"]) if prices is None else (prices.provider, prices.model)
    return Earlier(
        day=date_of(row["day"]),
        provider=provider,
        model=model,
        meter=row["meter"],
        quantity=decimal_of(row["quantity"]),
        requests=int(decimal_of(row["requests"])) if row["requests"] else 0,
    )
