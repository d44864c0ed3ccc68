"""Moving in: tried without a trace, taken in whole or not at all, once."""

import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User, Workspace
from accounts.services.people import person_found_or_created
from accounts.services.workspaces import workspace_create
from billing.alerts.webhooks.models import WebhookEvent
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.imports.models import ImportRun
from billing.foundation.site.models import SiteSettings
from billing.gateway.models import StripeCustomer
from billing.ledger.book import Book
from billing.ledger.models import Lot, Wallet
from billing.ledger.selectors import balance
from billing.ledger.services import Grant, credits_grant
from billing.ledger.trial.balance import trial_balance
from billing.ledger.verify import verify
from billing.metering.models import Allowance
from billing.plans.models import Subscription
from portal.moving import workspaces
from portal.moving.catalogue import KINDS
from portal.moving.kinds import Doer
from portal.moving.run import NotDone, import_do, import_try

pytestmark = pytest.mark.django_db
WORKSPACES, CUSTOMERS = KINDS["workspaces"], KINDS["stripe-customers"]
HEAD = "external_id,name,owner_email,credits,source,expires_on,unit_price_usd\n"
GOOD = (
    HEAD + "c-1,Northwind,ann@example.org,25000,bought,,0.0045\n"
    "c-2,Contoso,BO@example.org,1500.5,promotion,2099-12-31,\n"
    'c-3,"Fabrikam, Inc.",ann@example.org,,,,\n'
).encode()


def done(kind: str, data: bytes) -> dict[str, str]:
    run, new = import_do(KINDS[kind], data, file_name="file.csv", doer=Doer("test", reason="moving in"))
    assert new
    return dict(run.summary)


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Workspace, User, Lot, AuditEntry, ImportRun, StripeCustomer))


def test_trying_tells_what_would_happen_and_writes_nothing() -> None:
    before = counts()
    with CaptureQueriesContext(connection) as asked:
        trial = import_try(WORKSPACES, GOOD)
    assert not [q["sql"] for q in asked if not q["sql"].startswith("SELECT")]
    assert (trial.rows, trial.problems, trial.can_be_done) == (3, [], True)
    facts = dict(trial.facts)
    assert facts["Workspaces made"] == "3"
    assert facts["Accounts made"] == "2"
    assert facts["Credits, bought"] == "25,000"
    assert facts["Credits, promotion"] == "1,500.5"
    assert facts["Paid for them before, USD"] == "112.50"
    assert trial.first[0][:4] == ["c-1", "Northwind", "ann@example.org", "25,000"]
    assert counts() == before


def test_it_is_taken_in_whole_and_adds_up() -> None:
    assert done("workspaces", GOOD)["Workspaces made"] == "3"
    one = Workspace.objects.get(external_id="c-1")
    lot = Lot.objects.get(workspace=one, source="bought")
    assert (lot.amount, lot.unit_price_usd, lot.expires_at) == (25_000 * NANO, Decimal("0.0045"), None)
    two = Lot.objects.get(workspace__external_id="c-2", label="Opening balance")
    assert (two.amount, two.expires_at) == (int(1500.5 * NANO), datetime(2100, 1, 1, tzinfo=UTC))
    owners = Membership.objects.filter(role="owner", user__email="ann@example.org")
    assert {member.workspace.name for member in owners} == {"Northwind", "Fabrikam, Inc."}
    told = AuditEntry.objects.get(action="import.workspaces")
    assert (told.actor_label, told.reason, told.after["Workspaces made"]) == ("test", "moving in", "3")
    assert AuditEntry.objects.filter(action="credits.opening_balance").count() == 2
    assert verify().ok
    assert trial_balance().ok


def test_a_workspace_of_a_file_is_as_any_new_one() -> None:
    """Made and started together with others, it has all that one has which is made by itself."""
    rows = "".join(f"c-{n},N{n},p{n}@example.org,,,,\n" for n in range(60))
    done("workspaces", (HEAD + rows).encode())
    alone = workspace_create(
        name="N60", owner=person_found_or_created(email="p60@example.org")[0], external_id="c-60", actor="test"
    )
    expected = everything_of(alone)
    assert expected[0][0] == 0  # its first period is open
    for workspace in Workspace.objects.filter(external_id__in=["c-0", "c-49", "c-59"]):
        assert everything_of(workspace) == expected


def everything_of(workspace: Workspace) -> tuple[Any, ...]:
    subscription = Subscription.objects.get(workspace=workspace)
    wallet = Wallet.objects.get(workspace=workspace)
    owner = Membership.objects.get(workspace=workspace, role="owner").user
    return (
        (subscription.period, subscription.version_id, subscription.status, subscription.next_period_at is not None),
        (wallet.available, wallet.overdraft_limit, wallet.low_bound, wallet.granted_any, wallet.seq),
        sorted(Allowance.objects.filter(workspace=workspace).values_list("meter", "included", "used")),
        sorted(Lot.objects.filter(workspace=workspace).values_list("label", "source", "amount")),
        sorted(AuditEntry.objects.filter(workspace=workspace).values_list("action", "actor_label")),
        sorted(WebhookEvent.objects.filter(workspace=workspace).values_list("type", flat=True)),
        (owner.has_usable_password(), owner.is_active),
        list(EmailAddress.objects.filter(user=owner, email=owner.email).values_list("primary", "verified")),
    )


def test_a_balance_that_no_wallet_holds_is_told_with_its_line() -> None:
    full = Workspace.objects.create(name="Full", external_id="c-2")
    credits_grant(workspace_id=full.pk, key="a", amount=9 * 10**18, label="All there is")
    before = counts()
    with pytest.raises(NotDone) as refused:
        done("workspaces", (HEAD + "c-1,A,a@example.org,5,bought,,\nc-2,B,b@example.org,900000000,bought,,\n").encode())
    assert refused.value.trial.problems[0].text.startswith("Line 3: ")
    assert counts() == before


def test_what_one_person_may_not_give_a_file_does_not_give() -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"second_person_above": Decimal("26500.4")})
    (problem,) = import_try(WORKSPACES, GOOD).problems
    assert (problem.line, problem.column) == (0, "credits")
    assert "26,500.5 in all; above 26,500.4 a second person is needed" in problem.text
    with pytest.raises(NotDone):
        done("workspaces", GOOD)
    SiteSettings.objects.update(second_person_above=Decimal("26500.5"))
    assert import_try(WORKSPACES, GOOD).can_be_done


def test_those_that_are_there_come_last_in_the_order_of_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (Workspace.objects.create(name=name, external_id=f"c-{number}") for name, number in (("A", 3), ("B", 1)))
    order: list[int] = []
    grant = workspaces.credits_grant_many
    monkeypatch.setattr(
        workspaces, "credits_grant_many", lambda grants, now: (order.extend(grants), grant(grants, now=now))[1]
    )
    rows = "".join(f"c-{n},C{n},p{n}@example.org,5,bought,,\n" for n in (1, 2, 3))
    done("workspaces", (HEAD + rows).encode())
    new = Workspace.objects.get(external_id="c-2").pk
    assert order == [new, one.pk, two.pk]


def test_a_price_that_no_ledger_holds_is_said_before() -> None:
    (problem,) = import_try(WORKSPACES, (HEAD + "c-1,C,p@example.org,5,bought,,5000000\n").encode()).problems
    assert problem.column == "unit_price_usd"


def test_the_same_file_does_nothing_a_second_time() -> None:
    done("workspaces", GOOD)
    before = counts()
    run, new = import_do(WORKSPACES, GOOD, file_name="again.csv", doer=Doer("test"))
    assert (new, run.file_name) == (False, "file.csv")
    assert import_try(WORKSPACES, GOOD).done_before == run
    assert counts() == before


def test_another_file_with_the_same_rows_gives_no_credits_again() -> None:
    done("workspaces", GOOD)
    facts = done("workspaces", GOOD + b"c-4,Tailspin,cy@example.org,7,bought,,\n")
    assert facts["Workspaces made"] == "1"
    assert facts["Balances given before, left as they are"] == "2"
    assert Lot.objects.filter(label="Opening balance").count() == 3


def test_a_workspace_that_is_there_stays_as_it_is_and_gets_its_balance(workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(external_id="c-1")
    done("workspaces", (HEAD + "c-1,Another name,new@example.org,5,bought,,\n").encode())
    workspace.refresh_from_db()
    assert workspace.name == "Northwind AI"
    assert not User.objects.filter(email="new@example.org").exists()
    assert balance(workspace.pk).available == 5 * NANO


@pytest.mark.parametrize("change", [b"\xef\xbb\xbf%s", "semicolons", "windows"])
def test_files_of_spreadsheets_are_read(change: bytes | str) -> None:
    plain = b"workspace,stripe_customer\nc-1,cus_1\n"
    data = {
        "semicolons": plain.replace(b",", b";"),
        "windows": plain.replace(b"\n", b"\r\n"),
    }.get(str(change), b"\xef\xbb\xbf" + plain)
    Workspace.objects.create(name="One", external_id="c-1")
    assert not import_try(CUSTOMERS, data).problems


@pytest.mark.parametrize(
    ("row", "line", "column", "said"),
    [
        ("c-1,,ann@example.org,,,,", 2, "name", "empty"),
        ("c-1,N,ann,,,,", 2, "owner_email", "no e-mail address"),
        ('c-1,N,ann@example.org,"1,5",bought,,', 2, "credits", "such as 1234.56"),
        ("c-1,N,ann@example.org,1e3,bought,,", 2, "credits", "such as 1234.56"),
        ("c-1,N,ann@example.org,-5,bought,,", 2, "credits", "such as 1234.56"),
        ("c-1,N,ann@example.org,0.0000000001,bought,,", 2, "credits", "At most 9 decimals"),
        ("c-1,N,ann@example.org,99999999999,bought,,", 2, "credits", "At most 9 decimals"),
        ("c-1,N,ann@example.org,5,,,", 2, "source", "bought or promotion"),
        ("c-1,N,ann@example.org,5,gift,,", 2, "source", "bought or promotion"),
        ("c-1,N,ann@example.org,5,promotion,,0.01", 2, "unit_price_usd", "Nothing was paid"),
        ("c-1,N,ann@example.org,5,bought,31.12.2099,", 2, "expires_on", "year-month-day"),
        ("c-1,N,ann@example.org,5,bought,2020-01-01,", 2, "expires_on", "gone already"),
        ("c-1,N,ann@example.org,,,,\nc-1,M,bo@example.org,,,,", 3, "external_id", "Line 2 has it already"),
        ("c-1,N,ann@example.org", 2, "", "This line has 3 cells"),
        ('c-1,"N,ann@example.org,,,,', 2, "", "quotes do not fit"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_column(row: str, line: int, column: str, said: str) -> None:
    data = (HEAD + row + "\n").encode()
    trial = import_try(WORKSPACES, data)
    assert not trial.can_be_done
    assert (trial.problems[0].line, trial.problems[0].column) == (line, column)
    assert said in trial.problems[0].text
    before = counts()
    with pytest.raises(NotDone):
        import_do(WORKSPACES, data, file_name="x", doer=Doer("test"))
    assert counts() == before


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (HEAD.encode(), "no rows"),
        (b"name,owner_email\nN,a@example.org\n", "missing"),
        (b"external_id,name,owner_email,colour\n", "no column 'colour'"),
        (b"external_id,name,name,owner_email\n", "twice"),
        ("external_id,name,owner_email\n1,Köln,a@example.org\n".encode("latin-1"), "CSV UTF-8"),
        (GOOD.decode().encode("utf-16"), "CSV UTF-8"),
        (b"x" * 2_000_000, "Split it"),
        (HEAD.encode() + b"".join(b"c-%d,N,a@example.org,,,,\n" % n for n in range(10_001)), "Split the file"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes, said: str) -> None:
    trial = import_try(WORKSPACES, data)
    assert said in trial.problems[0].text
    assert not trial.can_be_done


def test_a_line_after_a_cell_of_two_lines_is_counted_as_an_editor_does() -> None:
    data = (HEAD + 'c-1,"Two\nlines",ann@example.org,,,,\nc-2,,bo@example.org,,,,\n').encode()
    (problem,) = import_try(WORKSPACES, data).problems
    assert (problem.line, problem.column) == (4, "name")


def test_what_fails_in_the_middle_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = counts()

    def broken(self: Grant, book: Book) -> None:
        raise ValueError("the ledger says no.")

    with monkeypatch.context() as patch:
        patch.setattr(Grant, "post", broken)
        with pytest.raises(NotDone) as refused:
            import_do(WORKSPACES, GOOD, file_name="x", doer=Doer("test"))
    assert "Line 2: the ledger says no." in refused.value.trial.problems[0].text
    assert counts() == before


def test_customers_of_stripe_are_linked_once(workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(external_id="c-1")
    other = Workspace.objects.create(name="Other")
    data = f"workspace,stripe_customer\nc-1,cus_1\n{other.public_id},cus_2\n".encode()
    assert done("stripe-customers", data)["Workspaces linked"] == "2"
    assert StripeCustomer.objects.get(workspace=workspace).stripe_id == "cus_1"
    for row, said in (
        ("c-1,cus_3", "is the customer cus_1 already"),
        ("gone,cus_4", "no workspace 'gone'"),
        (f"{other.public_id},cus_1", "Another workspace"),
        ("c-1,pi_1", "no customer of Stripe"),
    ):
        trial = import_try(CUSTOMERS, f"workspace,stripe_customer\n{row}\n".encode())
        assert said in trial.problems[0].text
    again = import_try(CUSTOMERS, b"workspace,stripe_customer\nc-1,cus_1\n")
    assert dict(again.facts)["Linked so already"] == "1"


def test_commands_try_first(tmp_path: Path) -> None:
    file, out = tmp_path / "customers.csv", StringIO()
    file.write_bytes(GOOD)
    call_command("import_workspaces", str(file), stdout=out)
    assert "Would import 3 rows" in out.getvalue()
    assert not Workspace.objects.exists()
    call_command("import_workspaces", str(file), "--do", stdout=out)
    assert Workspace.objects.count() == 3
    call_command("import_workspaces", str(file), "--do", stdout=out)
    assert "was imported on" in out.getvalue()
    file.write_text("workspace,stripe_customer\nc-1,wrong\n")
    with pytest.raises(CommandError, match="1 problems; nothing was written"):
        call_command("import_stripe_customers", str(file), stdout=out)
    assert "line 2, stripe_customer" in out.getvalue()


def test_the_page_takes_what_a_browser_can_wait_for() -> None:
    rows = "".join(f"c-{n},N,a@example.org,,,,\n" for n in range(501))
    trial = import_try(WORKSPACES, (HEAD + rows).encode(), on_page=True)
    assert "501 rows; this page takes 500 at once" in trial.problems[0].text
    assert "manage.py import_workspaces" in trial.problems[0].text
    assert import_try(WORKSPACES, (HEAD + rows).encode()).can_be_done


@pytest.mark.paced
@pytest.mark.slow
def test_what_the_page_takes_is_done_within_a_minute() -> None:
    rows = "".join(f"c-{n},Customer {n},p{n}@example.org,{n}.5,bought,2099-12-31,0.0045\n" for n in range(500))
    began = time.perf_counter()
    done("workspaces", (HEAD + rows).encode())
    took = time.perf_counter() - began
    print(f"500 workspaces took {took:.1f} s")
    assert took < 60


@pytest.mark.paced
@pytest.mark.slow
def test_ten_thousand_customers_of_stripe_within_a_minute() -> None:
    Workspace.objects.bulk_create(Workspace(name=f"C{n}", external_id=f"c-{n}") for n in range(10_000))
    rows = "".join(f"c-{n},cus_{n}\n" for n in range(10_000))
    began = time.perf_counter()
    done("stripe-customers", ("workspace,stripe_customer\n" + rows).encode())
    took = time.perf_counter() - began
    print(f"10,000 customers took {took:.1f} s")
    assert took < 60


@pytest.mark.django_db(transaction=True)
def test_the_same_file_sent_twice_at_once_counts_once() -> None:
    found: list[bool] = []

    def send() -> None:
        try:
            found.append(import_do(WORKSPACES, GOOD, file_name="x", doer=Doer("test"))[1])
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, True]
    assert Workspace.objects.count() == 3
