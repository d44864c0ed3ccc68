"""The trial balance's page: true numbers, for those who may see transfers, loud when something is wrong."""

import csv
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User, Workspace
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.ledger.book import open_book
from billing.ledger.records import OperationDraft
from billing.ledger.services import credits_grant
from billing.ledger.tests.test_tampering import tamper

URL = "/admin/trial-balance/"


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def used(workspace: Workspace) -> Workspace:
    """1,000 bought, 1,250.5 used: 250.5 of that on debt, of which 100 were paid back by a promotion."""
    grant = {"workspace_id": workspace.pk, "label": "Test"}
    credits_grant(key="a", amount=1_000 * NANO, source="bought", **grant)
    with open_book(workspace.pk) as book:
        draft = OperationDraft("usage", "u", bytes(32), "usage.spend")
        book.spend(operation=draft, amount=1_250_500_000_000, occurred_at=book.now)
    credits_grant(key="b", amount=100 * NANO, source="promotion", **grant)
    return workspace


def text_of(client: Client, query: str = "") -> str:
    response = client.get(URL + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_shows_where_every_credit_is(staff: Client, used: Workspace) -> None:
    text = text_of(staff)
    assert "Every credit is accounted for" in text
    assert "250.5 in all, of which 100 was paid by credits that came in later" in text
    assert "150.5 is still owed" in text
    table = text.split('aria-labelledby="to-date"')[1].split("</table>")[0]
    spent = table.split("Spent</th>")[1].split("</tr>")[0]
    # plan, promotional, bought, unsourced, total
    assert [cell.split("<")[0] for cell in spent.split('nowrap">')[1:]] == ["0", "0", "1,000", "250.5", "1,250.5"]
    paid = table.split("Debt paid</th>")[1].split("</tr>")[0]
    assert [cell.split("<")[0] for cell in paid.split('nowrap">')[1:]] == ["0", "100", "0", "−100", "0"]


def test_a_month_without_movements_is_all_zero(staff: Client, used: Workspace) -> None:
    text = text_of(staff, "?month=2020-02")
    assert "February 2020 (UTC)" in text
    month = text.split('aria-labelledby="in-month"')[1].split("</table>")[0]
    assert {cell.split("<")[0] for cell in month.split('nowrap">')[1:] if cell[0].isdigit()} == {"0"}


def test_csv_has_both_periods_exactly(staff: Client, used: Workspace) -> None:
    response = staff.get(URL + "?format=csv")
    assert response["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(response.content.decode())))
    assert [row["source"] for row in rows] == ["plan", "promotion", "bought", "unsourced", "total"] * 2
    owed = rows[3]
    assert (owed["spent"], owed["debt_paid"], owed["owed"], owed["difference"]) == ("250.5", "-100", "150.5", "0")


@pytest.mark.parametrize("month", ["x", "2026-13", "0999-01", "2026-1", "2026-01-01"])
def test_no_such_month(staff: Client, month: str) -> None:
    assert staff.get(URL, {"month": month}).status_code == 404


def test_drift_is_loud_here_and_on_the_first_page(staff: Client, used: Workspace) -> None:
    tamper("UPDATE ledger_wallet SET debt = debt + 1")
    text = text_of(staff)
    assert "The ledger does not add up" in text
    assert used.public_id in text
    assert "unsourced: 0.000000001 credits of what was issued are nowhere to be found" in text
    assert "Owed (they differ)" in text
    run_due(only="verify_ledger")
    assert "When the ledger does not add up" in staff.get("/admin/").content.decode()


def test_only_staff_who_may_see_transfers(staff: Client, alice: User, client: Client) -> None:
    assert client.get(URL).status_code == 302
    User.objects.filter(pk=alice.pk).update(is_superuser=False)
    assert staff.get(URL).status_code == 403
    assert "Trial balance" not in staff.get("/admin/").content.decode()
    alice.user_permissions.add(Permission.objects.get(content_type__app_label="ledger", codename="view_transfer"))
    assert staff.get(URL).status_code == 200
    assert "Trial balance" in staff.get("/admin/").content.decode()
    assert staff.post(URL).status_code == 405
