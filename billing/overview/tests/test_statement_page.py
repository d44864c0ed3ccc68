"""The statement page: true sums, months of the workspace's time zone, filters, CSV, and the chain's head."""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.book import open_book
from billing.ledger.models import Wallet
from billing.ledger.records import OperationDraft
from billing.ledger.services import credits_adjust, credits_grant
from billing.overview.views import statement as view
from billing.plans.services import workspace_open

NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)


@pytest.fixture
def books(prices: None, alice: User) -> Iterator[Workspace]:
    """Bought 100 on the last hour of March in Berlin (UTC+2), used 30 in March and 85 in April: 15 are owed."""
    with clock.at(datetime(2026, 3, 31, 21, 30, tzinfo=UTC)):
        workspace = workspace_open(name="Statement & Sons", owner=alice, time_zone="Europe/Berlin")
        _grant(workspace, "first", 100, "bought")
        _use(workspace, 30)
    with clock.at(datetime(2026, 3, 31, 22, 30, tzinfo=UTC)):
        _use(workspace, 85)
    with clock.at(NOW):
        yield workspace


def _grant(workspace: Workspace, key: str, amount: int, source: str) -> None:
    credits_grant(workspace_id=workspace.pk, key=key, amount=amount * NANO, source=source, label=f"Pack <{key}>")


def _use(workspace: Workspace, amount: int) -> None:
    with open_book(workspace.pk, now=clock.now()) as book:
        draft = OperationDraft("usage", f"u{amount}", bytes(32), "usage.spend")
        book.spend(operation=draft, amount=amount * NANO, occurred_at=book.now)


def text_of(client: Client, workspace: Workspace, **query: str) -> str:
    response = client.get(f"/w/{workspace.public_id}/credits/statement", query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def csv_of(client: Client, workspace: Workspace, **query: str) -> list[dict[str, str]]:
    response = client.get(f"/w/{workspace.public_id}/credits/statement.csv", query)
    assert response.status_code == 200
    return list(csv.DictReader(StringIO(b"".join(response).decode())))


def cells(text: str, line: str) -> list[str]:
    """The amounts on a line of the table: plan, promotional, purchased, owed, total."""
    found = re.search(rf'<th scope="row">(?:<b>)?{line}(?:</b>)?</th>(.*?)</tr>', text)
    assert found is not None
    return re.findall(r">([^<]+)</td>", found[1])


def test_months_are_those_of_the_workspace_and_follow_each_other(alice_client: Client, books: Workspace) -> None:
    march, april = text_of(alice_client, books, month="2026-03"), text_of(alice_client, books, month="2026-04")
    assert cells(march, "Bought") == ["0", "0", "+100", "0", "+100"]
    assert cells(march, "Used") == ["0", "0", "−30", "0", "−30"]
    assert cells(march, "Closing") == ["0", "0", "70", "0", "70"]
    assert cells(april, "Opening") == ["0", "0", "70", "0", "70"]
    assert cells(april, "Used") == ["0", "0", "−70", "−15", "−85"]
    assert "The month is still running" in april
    assert "still running" not in march
    assert "1 Mar 2026, 00:00 to 1 Apr 2026, 00:00, Europe/Berlin" in march


def test_the_present_month_is_the_default_and_ends_with_the_balance(alice_client: Client, books: Workspace) -> None:
    text = text_of(alice_client, books)
    wallet = Wallet.objects.get(pk=books.pk)
    assert "Statement, April 2026" in text
    assert cells(text, "Now") == ["0", "0", "0", "−15", "−15"]
    assert wallet.debt == 15 * NANO
    assert bytes(wallet.digest).hex() in text


def test_the_head_is_that_of_the_months_end(alice_client: Client, books: Workspace) -> None:
    march = text_of(alice_client, books, month="2026-03")
    assert "Last entry of the month" in march
    assert f'/activity/{2}">2</a>' in march
    assert bytes(Wallet.objects.get(pk=books.pk).digest).hex() not in march


def test_movements_add_up_and_are_filtered(alice_client: Client, books: Workspace) -> None:
    _grant(books, "second", 40, "plan")
    text = text_of(alice_client, books, source="owed")
    assert "Paid what was owed" in text
    assert "In 0, out 15, paid what was owed +15<" in text
    assert "In 15, out 15<" in text_of(alice_client, books, kind="repaid")
    assert "Movements: owed" in text
    used = text_of(alice_client, books, kind="used")
    assert "In 0, out 85" in used
    assert "Pack &lt;second&gt;" not in used.split('id="moved-h"')[1]
    assert "Pack &lt;second&gt;" in text_of(alice_client, books)
    assert "Nothing of that kind" in text_of(alice_client, books, kind="refunded")
    assert "In 40, out 85<" in text_of(alice_client, books, kind="nonsense", source="x")


def test_csv_has_opening_movements_and_closing(alice_client: Client, books: Workspace) -> None:
    credits_adjust(workspace_id=books.pk, key="c", amount=NANO // 2, reason="=1+1", actor="sam")
    rows = csv_of(alice_client, books, month="2026-04")
    assert [(row["source"], row["kind"], row["credits"]) for row in rows if row["source"] == "owed"] == [
        ("owed", "opening", "0"),
        ("owed", "used", "-15"),
        ("owed", "repaid", "0.5"),
        ("owed", "closing", "-14.5"),
    ]
    amounts = {row["source"]: 0.0 for row in rows}
    for row in rows:
        amounts[row["source"]] += float(row["credits"]) * (-1 if row["kind"] == "closing" else 1)
    assert set(amounts.values()) == {0.0}
    assert any("=1+1" in row["what"] and not row["what"].startswith("=") for row in rows)
    usage = next(row for row in rows if row["kind"] == "used")
    assert (usage["date"], usage["until"]) == ("2026-04-01T00:00:00+02:00", "2026-04-02T00:00:00+02:00")
    only = csv_of(alice_client, books, month="2026-04", kind="corrected")
    assert [(row["entry"], row["kind"], row["credits"]) for row in only] == [(only[0]["entry"], "corrected", "0.5")]


def test_a_long_list_is_cut_and_its_sum_is_not(
    alice_client: Client, books: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "SHOWN", 2)
    for number in range(4):
        _grant(books, f"g{number}", 1, "bought")
    text = text_of(alice_client, books, kind="bought")
    assert text.count("Pack &lt;g") == 2
    assert "These are the first 2" in text
    assert "In 4, out 0" in text
    assert len(csv_of(alice_client, books, kind="bought")) == 4


@pytest.mark.parametrize("month", ["2026-05", "2026-13", "x", "1999-01", "2026-4", "٢٠٢٦-٠٣"])
def test_a_month_that_is_none_or_has_not_begun_is_not_there(alice_client: Client, books: Workspace, month: str) -> None:
    for page in ("statement", "statement.csv"):
        assert alice_client.get(f"/w/{books.public_id}/credits/{page}", {"month": month}).status_code == 404


def test_a_month_before_the_first_entry_is_empty(alice_client: Client, books: Workspace) -> None:
    text = text_of(alice_client, books, month="2025-01")
    assert "There was nothing yet" in text
    assert "Chain head" not in text
    assert 'rel="next" href="?month=2026-03"' in text
    assert 'rel="prev"' not in text


def test_a_new_workspace_has_an_empty_statement(alice_client: Client, fresh: Workspace) -> None:
    text = text_of(alice_client, fresh)
    assert "There was nothing yet" in text
    assert cells(text, "Now") == ["0"] * 5


def test_a_quiet_month_says_so(alice_client: Client, books: Workspace) -> None:
    with clock.at(NOW + timedelta(days=40)):
        text = text_of(alice_client, books)
    assert "Nothing moved in this month" in text
    assert cells(text, "Opening") == cells(text, "Now") == ["0", "0", "0", "−15", "−15"]
