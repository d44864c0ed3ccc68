"""Customers with their owners and opening balances.

A row is known by its external id: a workspace that is there already stays as it is, and an opening balance is given
once, by a key of the ledger.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.errors import Refused
from accounts.models import User, Workspace
from accounts.services.people import people_create, person_found_or_created
from accounts.services.workspaces import TIME_ZONES, workspace_create
from billing.credits import clock
from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.foundation import hostclock
from billing.foundation.audit.services import record
from billing.ledger.chain import unit_price
from billing.ledger.errors import NotGranted
from billing.ledger.models import Operation
from billing.ledger.services import Grant, credits_grant_many
from billing.plans.services import plans_started_together
from portal.admin.secondperson import second_person_above
from portal.moving.kinds import Doer, Facts, Kind, Reading
from portal.moving.table import Problem, Row, date_of, decimal_of

NAMESPACE = "import"
LABEL = "Opening balance"
SOURCES = ("bought", "promotion")
PRICE_DECIMALS = 9
AT_ONCE = 50  # wallets in one round trip


@dataclass(frozen=True, slots=True)
class Entry:
    """`amount` in nano-credits, 0: none; `there`: the workspace exists already."""

    line: int
    external_id: str
    name: str
    email: str
    time_zone: str
    amount: int
    source: str
    expires_on: date | None
    unit_price: Decimal | None
    label: str
    there: bool
    given: bool

    @property
    def key(self) -> str:
        return f"opening:{self.external_id}"


class Workspaces(Kind):
    name = "workspaces"
    title = "Workspaces and opening balances"
    words = (
        "A workspace for each row, with its owner and the credits it brings along. Owners get an account, and no mail: "
        "tell them that they sign in by their address. Plans start as for any new workspace."
    )
    columns = (
        *("external_id", "name", "owner_email", "time_zone", "credits", "source", "expires_on", "unit_price_usd"),
        "label",
    )
    required = ("external_id", "name", "owner_email")
    help = {
        "external_id": "Your own id of the customer; once per file. One that is there already is left as it is.",
        "name": "What everybody in the workspace reads.",
        "owner_email": "Who owns it. A person without an account gets one.",
        "time_zone": "Such as Europe/Berlin; empty: UTC.",
        "credits": "Opening balance, at most 9 decimals; empty or 0: none. Given once for each external id.",
        "source": "bought or promotion; needed with credits.",
        "expires_on": "The last day on which they can be used (UTC), such as 2027-12-31; empty: they never expire.",
        "unit_price_usd": "What was paid for one credit, for bought ones: refunds and deferred revenue rest on it.",
        "label": f"What the customer reads beside the credits; empty: {LABEL}.",
    }
    permissions = ("accounts.add_workspace", "accounts.add_user", "ledger.add_operation")
    sample = (
        "external_id,name,owner_email,time_zone,credits,source,expires_on,unit_price_usd,label\n"
        "cust-1001,Northwind AI,ann@northwind.example,Europe/Berlin,25000,bought,,0.004500,\n"
        "cust-1002,Contoso,bo@contoso.example,,1500.5,promotion,2027-12-31,,Welcome credits\n"
    )
    most_on_page = 500
    heads = ("External id", "Workspace", "Owner", "Credits", "Source", "Until", "USD per credit", "What happens")

    def read(self, rows: Sequence[Row]) -> Reading:
        reading, seen = Reading(), dict[str, int]()
        there = set(
            Workspace.objects.filter(external_id__in={row["external_id"] for row in rows}).values_list(
                "external_id", flat=True
            )
        )
        keys = [f"opening:{row['external_id']}" for row in rows]
        given = set(Operation.objects.filter(namespace=NAMESPACE, key__in=keys).values_list("key", flat=True))
        emails = {row["owner_email"].lower() for row in rows}
        closed = set(User.objects.filter(is_active=False, email__in=emails).values_list("email", flat=True))
        for row in rows:
            problems = list(_problems(row, seen, closed))
            seen.setdefault(row["external_id"], row.line)
            if problems:
                reading.problems.extend(problems)
            else:
                reading.entries.append(_entry(row, there, given))
        reading.problems.extend(_too_much(reading.entries))
        return reading

    def facts(self, entries: Sequence[Entry]) -> Facts:
        new = [entry for entry in entries if not entry.there]
        grants = [entry for entry in entries if entry.amount and not entry.given]
        known = set(User.objects.filter(email__in={entry.email for entry in new}).values_list("email", flat=True))
        paid = sum(((credits(entry.amount) * (entry.unit_price or 0)) for entry in grants), Decimal(0))
        return [
            ("Workspaces made", f"{len(new):,}"),
            ("Workspaces that are there already, left as they are", f"{len(entries) - len(new):,}"),
            ("Accounts made", f"{len({entry.email for entry in new} - known):,}"),
            ("Opening balances given", f"{len(grants):,}"),
            *(
                (f"Credits, {source}", f"{credits(sum(entry.amount for entry in grants if entry.source == source)):,f}")
                for source in SOURCES
            ),
            ("Paid for them before, USD", f"{paid:,.2f}"),
            ("Balances given before, left as they are", f"{sum(entry.given for entry in entries):,}"),
        ]

    def shown(self, entry: Entry) -> list[str]:
        return [
            entry.external_id,
            entry.name,
            entry.email,
            f"{credits(entry.amount):,f}" if entry.amount else "–",
            entry.source if entry.amount else "–",
            (f"{entry.expires_on}" if entry.expires_on else "never") if entry.amount else "–",
            f"{entry.unit_price:f}" if entry.unit_price is not None else "–",
            _effect(entry),
        ]

    def do(self, entries: Sequence[Entry], doer: Doer) -> Facts:
        facts = self.facts(entries)
        there = Workspace.objects.filter(external_id__in=[entry.external_id for entry in entries if entry.there])
        known = {workspace.external_id: workspace for workspace in there}
        made = self._made([entry for entry in entries if not entry.there], doer)
        grants = [(entry, made.get(entry.external_id)) for entry in entries if entry.amount and not entry.given]
        # New ones first, then those that others use meanwhile, in the order of their ids: each is locked to the end.
        new = [(entry, workspace) for entry, workspace in grants if workspace is not None]
        old = [(entry, known[entry.external_id]) for entry, workspace in grants if workspace is None]
        old.sort(key=lambda each: each[1].pk)
        for each in (new, old):
            for first in range(0, len(each), AT_ONCE):
                _grant(each[first : first + AT_ONCE], doer)
        return facts

    def _made(self, entries: Sequence[Entry], doer: Doer) -> dict[str, Workspace]:
        """By external id. Owners without an account get theirs together, and so do the workspaces their plans."""
        people, made = people_create(entry.email for entry in entries), dict[str, Workspace]()
        with plans_started_together():
            for done, entry in enumerate(entries):
                doer.told(done)
                try:
                    owner = people.get(entry.email) or person_found_or_created(email=entry.email)[0]
                    made[entry.external_id] = workspace_create(
                        name=entry.name,
                        owner=owner,
                        external_id=entry.external_id,
                        time_zone=entry.time_zone,
                        actor=doer.actor,
                        request=doer.request,
                    )
                except Refused as error:
                    raise _refused(entry, error) from None
        return made


def _grant(some: Sequence[tuple[Entry, Workspace]], doer: Doer) -> None:
    entries = {workspace.pk: entry for entry, workspace in some}
    grants = {
        workspace_id: Grant(
            namespace=NAMESPACE,
            key=entry.key,
            amount=entry.amount,
            source=entry.source,
            label=entry.label,
            expires_at=_end(entry),
            unit_price_usd=entry.unit_price,
            actor=doer.label,
            reason=LABEL,
        )
        for workspace_id, entry in entries.items()
    }
    try:
        results = credits_grant_many(grants, now=hostclock.present())
    except NotGranted as error:
        raise _refused(entries[error.workspace_id], error) from None
    for entry, workspace in some:
        record(
            action="credits.opening_balance",
            actor=doer.actor,
            workspace=workspace,
            target=f"lot {results[workspace.pk].lot_id}",
            after={
                "credits": str(credits(entry.amount)),
                "source": entry.source,
                "expires_at": _end(entry),
                "unit_price_usd": entry.unit_price,
            },
            request=doer.request,
        )


def _end(entry: Entry) -> datetime | None:
    return datetime.combine(entry.expires_on + timedelta(days=1), time(), UTC) if entry.expires_on else None


def _refused(entry: Entry, error: Exception) -> ValidationError:
    return ValidationError(f"Line {entry.line}: {error} Nothing was imported.")


def _entry(row: Row, there: set[str | None], given: set[str]) -> Entry:
    external_id = row["external_id"]
    return Entry(
        line=row.line,
        external_id=external_id,
        name=row["name"],
        email=row["owner_email"].lower(),
        time_zone=row["time_zone"] or "UTC",
        amount=exact_nano(decimal_of(row["credits"])) if row["credits"] else 0,
        source=row["source"],
        expires_on=date_of(row["expires_on"]) if row["expires_on"] else None,
        unit_price=decimal_of(row["unit_price_usd"]) if row["unit_price_usd"] else None,
        label=row["label"] or LABEL,
        there=external_id in there,
        given=f"opening:{external_id}" in given,
    )


def _too_much(entries: Sequence[Entry]) -> Iterator[Problem]:
    """What one person may not give by hand, a file does not give either."""
    most, given = second_person_above(), sum(entry.amount for entry in entries if not entry.given)
    if 0 < most < given:
        text = (
            f"It gives {credits(given):,f} in all; above {credits(most):,f} a second person is needed. Have a superuser"
            " take that amount off in the site settings while you move in, or give larger balances by hand."
        )
        yield Problem(0, "credits", text)


def _effect(entry: Entry) -> str:
    if entry.there:
        return "there already" + (", credits added" if entry.amount and not entry.given else "")
    return "made"


def _problems(row: Row, seen: dict[str, int], closed: set[str]) -> Iterator[Problem]:
    for column, most in (("external_id", 120), ("name", 120), ("owner_email", 254), ("label", 120)):
        if not row[column] and column != "label":
            yield Problem(row.line, column, "This is empty; every row needs it.")
        elif len(row[column]) > most:
            yield Problem(row.line, column, f"At most {most} characters are taken.")
    if (before := seen.get(row["external_id"])) is not None and row["external_id"]:
        yield Problem(row.line, "external_id", f"Line {before} has it already. Give each customer one row.")
    if email := row["owner_email"].lower():
        try:
            validate_email(email)
        except ValidationError:
            yield Problem(row.line, "owner_email", f"{email!r} is no e-mail address.")
        if email in closed:
            yield Problem(row.line, "owner_email", f"The account of {email} is closed. Name another owner.")
    if row["time_zone"] and row["time_zone"] not in TIME_ZONES:
        yield Problem(row.line, "time_zone", f"{row['time_zone']!r} is no time zone. Use a name such as Europe/Berlin.")
    yield from _credit_problems(row)


def _credit_problems(row: Row) -> Iterator[Problem]:
    amount = 0
    for column, decimals in (("credits", 9), ("unit_price_usd", PRICE_DECIMALS)):
        if not row[column]:
            continue
        try:
            number = decimal_of(row[column])
            nano = exact_nano(number)
            if column == "unit_price_usd":
                unit_price(number)
        except AmountOutOfRange:
            yield Problem(row.line, column, f"At most {decimals} decimals and 9,000,000,000 are taken.")
        except ValueError as error:
            yield Problem(row.line, column, str(error))
        else:
            amount = nano if column == "credits" else amount
    if amount and row["source"] not in SOURCES:
        yield Problem(row.line, "source", f"Write {' or '.join(SOURCES)}: it decides burn order and reports.")
    if row["unit_price_usd"] and row["source"] == "promotion":
        yield Problem(row.line, "unit_price_usd", "Nothing was paid for promotional credits: leave it empty.")
    if not row["expires_on"]:
        return
    try:
        day = date_of(row["expires_on"])
    except ValueError as error:
        yield Problem(row.line, "expires_on", str(error))
        return
    if not clock.now().date() <= day < date.max:
        yield Problem(
            row.line, "expires_on", "These credits would be gone already. Leave them out, or name a later day."
        )
