"""Revenue, cost, margin, deferred revenue and breakage of the demo are what its raw rows say, and the trial balance."""

import csv
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO, credits
from billing.foundation.audit.models import AuditEntry
from billing.invoices.issue import credit_note_issue, invoice_issue
from billing.invoices.models import Document
from billing.invoices.money import LineInput, Tax
from billing.invoices.profiles import profile_save
from billing.invoices.seller import seller_update
from billing.invoices.writing import Payment
from billing.ledger.book import open_book
from billing.ledger.models import Lot
from billing.ledger.records import OperationDraft
from billing.ledger.services import credits_grant
from billing.ledger.trial.balance import Row, trial_balance
from billing.ledger.trial.month import next_month
from billing.ledger.verify import verify
from billing.ledger.worth.figures import PARTS, usd
from billing.ledger.worth.sums import days_catch_up
from portal.admin.money.exports import EXPORTS, roll_forward
from portal.admin.money.page import Figure
from portal.admin.money.periods import NoSuchPeriod, Period, months_of, period_of
from portal.admin.money.report import Cash, cash_in, report
from portal.admin.money.shares import by_model, shared
from portal.admin.money.words import dollars, margin_percent
from portal.admin.tests import recalculated
from portal.demo import access, seed
from portal.demo.story import Scale
from portal.testing.simulated import SimulatedStripe

URL, EXPORT = "/admin/money/", "/admin/money-exports/"


@pytest.fixture
def demo(
    little_around: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    simulated: SimulatedStripe,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr(access, "HOME", tmp_path)
    settings.DEMO = True
    seed.demo_seed(scale=request.param)


@pytest.mark.parametrize(
    "demo",
    [
        pytest.param(Scale(days=70, first=3, last=6), id="ten weeks"),
        pytest.param(Scale(), id="a year", marks=pytest.mark.slow),
    ],
    indirect=True,
)
def test_the_demo(demo: None) -> None:
    """One story, told once, looked at from all sides."""
    today = clock.now().date()
    first = min(Lot.objects.values_list("created_at", flat=True)).date().replace(day=1)
    months = [first]
    while months[-1] < today.replace(day=1):
        months.append(next_month(months[-1]))
    of_the_trial_balance = {month: trial_balance(month).in_month for month in months}
    for summed in (False, True):
        if summed:
            days_catch_up()
        for month in months:
            the_month(month, next_month(month), of_the_trial_balance[month])
        the_roll_forward(first, next_month(months[-1]))
    the_ledger(months, of_the_trial_balance)
    whole = report(Period(first, today + timedelta(days=1)))
    assert whole.revenue > whole.worth.expired >= 0
    assert whole.upstream > 0
    assert len(whole.providers) > 2
    assert verify().problems == []


def exact(parts: int) -> Fraction:
    return Fraction(parts, PARTS)


def the_month(since: date, until: date, trial: tuple[Row, ...]) -> None:
    found, raw = report(Period(since, until)), recalculated.money(since, until)
    rows = {row.source: row for row in trial}
    assert found.credits.sold == rows["bought"].issued
    assert found.credits.granted_plan == rows["plan"].issued
    assert found.credits.granted_promotion == rows["promotion"].issued
    for name in ("spent", "expired", "refunded", "adjusted"):
        assert getattr(found.credits, name) == getattr(rows["total"], name)
    for name in ("sold", "recognised", "expired", "refunded", "adjusted"):
        assert exact(getattr(found.worth, name)) == getattr(raw, name), name
    of_later = recalculated.money(until, date(2099, 1, 1))
    change = of_later.sold - of_later.recognised - of_later.expired - of_later.refunded - of_later.adjusted
    assert exact(found.deferred) == recalculated.deferred_now() - change
    costs = recalculated.costs(since, until)
    assert found.upstream == sum(costs.values()) * PARTS // 10**9
    margins = {pk: (exact(revenue), exact(cost)) for pk, (revenue, cost) in found.workspaces.items()}
    for pk, (revenue, cost) in margins.items():
        assert revenue == raw.by_workspace[pk]
        assert cost == Fraction(sum(nano for key, nano in costs.items() if key[0] == pk), 10**9)
    assert sum(revenue for revenue, _ in margins.values()) == raw.recognised
    the_models(found.models, exact(found.of_no_model), raw, costs, recalculated.charged(since, until))


def the_models(
    models: Mapping[tuple[str, str], tuple[int, int]],
    of_none: Fraction,
    raw: recalculated.Money,
    costs: Mapping[tuple[int, str, str], int],
    charged: Mapping[int, Mapping[tuple[str, str], int]],
) -> None:
    expected: dict[tuple[str, str], Fraction] = {}
    for pk, revenue in raw.metered.items():
        total = sum(charged.get(pk, {}).values())
        for key, nano in charged.get(pk, {}).items():
            if total:
                expected[key] = expected.get(key, Fraction(0)) + revenue * nano / total
    for key, (revenue, cost) in models.items():
        assert abs(exact(revenue) - expected.get(key, Fraction(0))) < Fraction(1, 10**18)
        assert cost == sum(nano for each, nano in costs.items() if each[1:] == key) * 10**12
    assert sum(exact(revenue) for revenue, _ in models.values()) + of_none == raw.recognised


def the_roll_forward(since: date, until: date) -> None:
    rows = [[Fraction(cell) for cell in row[1:]] for row in roll_forward(since, until)]
    assert rows[0][0] == 0
    assert rows[-1][-1] == recalculated.deferred_now()
    for row in rows:
        assert sum(row[:-1]) == row[-1]
    assert [row[0] for row in rows[1:]] == [row[-1] for row in rows[:-1]]


def the_ledger(months: list[date], trial: Mapping[date, tuple[Row, ...]]) -> None:
    for month in months:
        net: dict[str, Decimal] = {}
        by_day: dict[str, Decimal] = {}
        for day, account, debit, credit, change in EXPORTS["ledger"].rows(month, next_month(month)):
            assert change == credit - debit
            by_day[day] = by_day.get(day, Decimal(0)) + change
            net[account] = net.get(account, Decimal(0)) + change
        assert set(by_day.values()) <= {Decimal(0)}
        total = next(row for row in trial[month] if row.source == "total")
        for account in ("spent", "expired", "refunded", "adjusted"):
            assert net.get(account, 0) == credits(getattr(total, account))
        assert -net.get("issued", Decimal(0)) == credits(total.issued)


# Pages


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def support(bob: User) -> Client:
    """May look at the ledger, and keeps no books."""
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.add(Permission.objects.get(content_type__app_label="ledger", codename="view_transfer"))
    client = Client()
    client.force_login(User.objects.get(pk=bob.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def used(workspace: Workspace) -> Workspace:
    """1,000 bought for $5 and 100 given; 400 of the bought ones used."""
    grant = {"workspace_id": workspace.pk, "label": "Test"}
    credits_grant(key="a", amount=1_000 * NANO, source="bought", unit_price_usd=Decimal("0.005"), **grant)
    with open_book(workspace.pk) as book:
        draft = OperationDraft("usage", "u", bytes(32), "usage.spend")
        book.spend(operation=draft, amount=400 * NANO, occurred_at=book.now)
    credits_grant(key="b", amount=100 * NANO, source="promotion", **grant)
    return workspace


def test_the_page_says_what_happened(staff: Client, used: Workspace) -> None:
    page = staff.get(URL)
    figures = {figure.title: figure.value for figure in page.context["figures"]}
    assert figures == {
        "Revenue": "$2.00",
        "Upstream cost": "$0.00",
        "Margin": "$2.00",
        "Cash in": "$0.00",
        "Deferred revenue": "$3.00",
        "Breakage": "$0.00",
    }
    assert dict(page.context["credits"])["Sold"] == "1,000"
    assert [value for _, value, _ in page.context["roll"]] == [
        *("$0.00", "$5.00", "−$2.00", "$0.00", "$0.00", "$0.00", "$3.00"),
    ]
    text = page.content.decode()
    assert "$2.00 of the revenue is of no model" in text
    assert f"/admin/accounts/workspace/{used.pk}/change/" in text


@pytest.mark.parametrize(
    "query",
    [
        "?period=today",
        "?period=yesterday",
        "?period=last_month",
        "?period=year",
        "?by=model",
        "?by=provider",
        "?by=model&provider=",
        "?from=2026-01-01&to=2026-01-31",
    ],
)
def test_every_period_and_list_opens(staff: Client, query: str) -> None:
    page = staff.get(URL + query)
    assert page.status_code == 200
    assert "Nothing was used in this period." in page.content.decode()


def test_a_list_has_pages(staff: Client, used: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Workspace.objects.create(name="Second Street")
    grant = credits_grant(
        workspace_id=other.pk, key="a", amount=NANO, source="bought", label="x", unit_price_usd=Decimal(9)
    )
    assert grant.lot_id
    with open_book(other.pk) as book:
        book.spend(operation=OperationDraft("usage", "u", bytes(32), "usage.spend"), amount=NANO, occurred_at=book.now)
    monkeypatch.setattr("portal.admin.money.page.PAGE", 1)
    page = staff.get(URL + "?by=workspace&order=revenue")
    assert [row.name for row in page.context["rows"]] == ["Second Street"]
    assert "page 1 of 2" in page.content.decode()
    page = staff.get(URL + "?by=workspace&order=revenue&page=2")
    assert [(row.name, row.revenue, row.percent) for row in page.context["rows"]] == [(used.name, "$2.00", "100%")]


@pytest.mark.parametrize(
    "query",
    ["?from=2026-13-01&to=x", "?from=2026-02-01&to=2026-01-01", "?period=never", "?from=1066-01-01&to=2026-01-01"],
)
def test_a_period_that_is_none_is_explained(staff: Client, query: str) -> None:
    page = staff.get(URL + query)
    assert page.status_code == 200
    assert "Shown is this month." in page.content.decode()


@pytest.mark.parametrize("query", ["?by=planet", "?order=luck"])
def test_no_such_list(staff: Client, query: str) -> None:
    assert staff.get(URL + query).status_code == 404


def test_who_may_look_and_who_may_export(staff: Client, support: Client, client: Client, charlie: User) -> None:
    assert staff.post(URL).status_code == 405
    assert support.get(URL).status_code == 200
    assert EXPORT not in support.get(URL).content.decode()
    assert support.get(EXPORT).status_code == 403
    assert support.post(EXPORT, {"what": "ledger"}).status_code == 403
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=charlie.pk), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(URL).status_code == 403
    assert client.get("/admin/").context["groups"] == []
    assert not AuditEntry.objects.filter(action="export.made").exists()


# Exports


def table(client: Client, what: str, **asked: str) -> list[dict[str, str]]:
    response: Any = client.post(EXPORT, {"what": what, **asked})
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(StringIO(b"".join(response.streaming_content).decode())))


def test_an_export_is_made_by_post_and_audited(staff: Client, used: Workspace) -> None:
    today = clock.now().date().isoformat()
    assert staff.get(EXPORT + "?what=ledger").status_code == 200
    assert not AuditEntry.objects.exists()
    rows = table(staff, "ledger", **{"from": today, "to": today})
    assert {row["account"]: row["net_credits"] for row in rows} == {
        "available": "700",
        "issued": "-1100",
        "spent": "400",
    }
    entry = AuditEntry.objects.get(action="export.made")
    assert entry.target == "Ledger by day and account"
    assert entry.after["from"] == today


def test_deferred_revenue_by_month(staff: Client, used: Workspace) -> None:
    month = f"{clock.now():%Y-%m}"
    assert table(staff, "deferred", **{"from": month, "to": month}) == [
        {
            "month": month,
            "opening": "0",
            "sold": "5",
            "recognised": "-2",
            "expired": "0",
            "refunded": "0",
            "corrected": "0",
            "closing": "3",
        }
    ]


def test_what_cannot_be_exported_is_explained(staff: Client) -> None:
    assert staff.post(EXPORT, {"what": "everything"}).status_code == 404
    refused = staff.post(EXPORT, {"what": "deferred", "from": "2027-13", "to": "x"})
    assert refused.status_code == 400
    assert "Write both months like 2027-01." in refused.content.decode()
    assert not AuditEntry.objects.exists()


@pytest.fixture
def documents(workspace: Workspace, alice: User) -> tuple[Document, Document]:
    """An invoice of $100 and VAT, half of it credited; one that was credited whole, and one without tax elsewhere."""
    seller_update(changes={"legal_name": "Purser", "address": "Hamburg", "country": "DE"}, actor=alice)
    values = {"legal_name": "=HYPERLINK(1)", "address": "Ulm", "country": "DE"}
    profile_save(workspace=workspace, values=values, by=alice)
    paid = Payment(clock.now(), "card", "pi_1")
    sale = {"workspace": workspace, "purpose": "pack", "tax": Tax("VAT", Decimal(19))}
    invoice = invoice_issue(key="a", lines=[LineInput("Pack", 10_000)], paid=paid, **sale).document
    note = credit_note_issue(key="n", invoice=invoice, amount=5_950, reason="Half").document
    open_one = invoice_issue(key="b", lines=[LineInput("Pack", 3_000)], **sale).document
    credit_note_issue(key="m", invoice=open_one, amount=3_570, reason="All")
    return invoice, note


def test_invoices_and_tax_are_one_sum(staff: Client, documents: tuple[Document, Document]) -> None:
    today = clock.now().date().isoformat()
    invoices = table(staff, "invoices", **{"from": today, "to": today})
    assert [(row["kind"], row["state"], row["net"], row["tax"], row["gross"]) for row in invoices] == [
        ("invoice", "paid", "100", "19", "119"),
        ("credit_note", "issued", "-50", "-9.5", "-59.5"),
        ("invoice", "void", "30", "5.7", "35.7"),
        ("credit_note", "issued", "-30", "-5.7", "-35.7"),
    ]
    assert [row["of_invoice"] for row in invoices] == ["", documents[0].number, "", invoices[2]["number"]]
    assert {row["customer"] for row in invoices} == {"'=HYPERLINK(1)"}
    (tax,) = table(staff, "tax", **{"from": today, "to": today})
    assert (tax["country"], tax["rate_percent"], tax["currency"]) == ("DE", "19", "USD")
    for name in ("net", "tax", "gross"):
        assert Decimal(tax[name]) == sum(Decimal(row[name]) for row in invoices)


def test_cash_in_is_net_of_refunds_which_are_told_apart(
    staff: Client, workspace: Workspace, documents: tuple[Document, Document]
) -> None:
    """Only a credit note by which money went back is a refund; one that is taken off what is owed moved no money."""

    def figure(**asked: str) -> Figure:
        (found,) = (each for each in staff.get(URL, asked).context["figures"] if each.title == "Cash in")
        return found

    assert (figure().value, figure().remark) == ("$119.00", "1 paid invoice, nothing refunded")
    back = Payment(clock.now(), "card", "re_1")
    credit_note_issue(key="r", invoice=documents[0], amount=2_000, reason="Refund", paid_back=back)
    assert (figure().value, figure().remark) == ("$99.00", "$119.00 on 1 paid invoice, less $20.00 refunded")
    (cash,) = cash_in(clock.now().date(), clock.now().date() + timedelta(days=1))
    assert (cash.net, cash.paid, cash.refunded) == (9_900, 11_900, 2_000)
    rows = staff.get(figure().href).context["cl"].queryset
    assert sum(row.amount_paid for row in rows) == cash.paid  # the list behind it is of the same days
    tomorrow = clock.now() + timedelta(days=1)
    with clock.at(tomorrow):
        back = Payment(tomorrow, "card", "re_2")
        credit_note_issue(key="s", invoice=documents[0], amount=900, reason="Refund", paid_back=back)
        found = figure(period="today")
        assert (found.value, found.remark) == ("−$9.00", "$0.00 on 0 paid invoices, less $9.00 refunded")
        assert not staff.get(found.href).context["cl"].queryset.exists()


def test_credit_notes_of_stripe_are_refunds_once_the_invoice_was_paid(workspace: Workspace) -> None:
    now = clock.now()
    stripe = {"workspace": workspace, "purpose": "subscription", "origin": "stripe", "currency": "eur"}
    for number, paid_at in (("A", now - timedelta(minutes=2)), ("B", None)):
        invoice = Document.objects.create(
            **stripe,
            key=f"in{number}",
            stripe_id=f"in_{number}",
            request_hash=bytes(32),
            kind="invoice",
            number=f"{number}-1",
            status="paid" if paid_at else "open",
            total=5_000,
            amount_paid=5_000 if paid_at else 0,
            issued_at=now - timedelta(minutes=3),
            paid_at=paid_at,
        )
        Document.objects.create(
            **stripe,
            key=f"cn{number}",
            stripe_id=f"cn_{number}",
            request_hash=bytes(32),
            kind="credit_note",
            invoice=invoice,
            number=f"{number}-1-CN",
            status="issued",
            total=700,
            issued_at=now,
        )
    assert cash_in(now.date() - timedelta(days=1), now.date() + timedelta(days=1)) == [Cash("eur", 5_000, 1, 700)]


# Pure


def test_periods() -> None:
    today = date(2027, 3, 31)
    assert period_of({}, today) == Period(date(2027, 3, 1), date(2027, 4, 1), "month")
    assert period_of({"period": "last_month"}, today) == Period(date(2027, 2, 1), date(2027, 3, 1), "last_month")
    assert period_of({"period": "year"}, today).since == date(2026, 4, 1)
    assert period_of({"from": "2027-01-01", "to": "2027-01-31"}, today) == Period(date(2027, 1, 1), date(2027, 2, 1))
    assert months_of({"from": "2026-11", "to": "2027-01"}, today) == (date(2026, 11, 1), date(2027, 2, 1))
    assert months_of({}, today) == (date(2027, 1, 1), date(2027, 4, 1))
    with pytest.raises(NoSuchPeriod):
        months_of({"from": "2000-01", "to": "2027-01"}, today)


AMOUNTS = st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(-5, 10**12))


@given(st.integers(-(10**30), 10**30), AMOUNTS)
def test_shares_add_up(revenue: int, amounts: dict[tuple[str, str], int]) -> None:
    found = shared(revenue, amounts)
    assert sum(found.values()) in ({revenue} if found else {0})
    assert all(amounts[key] > 0 for key in found)
    total = sum(max(amount, 0) for amount in amounts.values())
    for key, share in found.items():
        assert abs(Fraction(share) - Fraction(revenue * amounts[key], total)) <= len(amounts)


@given(
    st.dictionaries(st.integers(1, 4), st.integers(0, 10**24)),
    st.lists(st.tuples(st.integers(1, 4), st.tuples(st.sampled_from("abc"), st.just("x")), st.integers(0, 10**9))),
)
def test_revenue_is_of_a_model_or_of_none(
    revenue: dict[int, int], used: list[tuple[int, tuple[str, str], int]]
) -> None:
    models, none = by_model(revenue, used)
    assert sum(models.values()) + none == sum(revenue.values())
    earning = {workspace for workspace, _, amount in used if amount}
    assert none == sum(each for workspace, each in revenue.items() if workspace not in earning)


def test_dollars_are_rounded_for_reading_only() -> None:
    cent = PARTS // 100
    assert (dollars(250 * cent), dollars(-1234567 * cent)) == ("$2.50", "−$12,345.67")
    assert (dollars(5 * cent // 2), dollars(7 * cent // 2)) == ("$0.02", "$0.04")
    assert (dollars(1), dollars(0), dollars(-1)) == ("under $0.01", "$0.00", "under −$0.01")
    assert usd(5 * cent // 2) == Decimal("0.025")
    assert (margin_percent(200, 50), margin_percent(0, 5), margin_percent(100, 150)) == ("75%", "–", "−50%")
