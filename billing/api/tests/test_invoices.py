"""Invoices over the API: listed, read, and fetched as PDF by those who may read bills."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from accounts.models import User, Workspace
from accounts.scopes import Scope
from billing.api.tests.conftest import Api, key_of
from billing.api.tests.test_openapi import check
from billing.credits import clock
from billing.credits.units import NANO
from billing.invoices.custom import Terms, custom_draft_create, custom_issue
from billing.invoices.issue import credit_note_issue, invoice_issue
from billing.invoices.mirror import StripeDocument, StripeLine, stripe_invoice_mirror
from billing.invoices.models import Document
from billing.invoices.money import LineInput, Tax
from billing.invoices.writing import Payment

pytestmark = pytest.mark.django_db
LIST, ONE = "/api/v1/invoices/list", "/api/v1/invoices/{invoice}"


@pytest.fixture(params=["/api/v1/invoices", "/api/invoices"])
def root(request: pytest.FixtureRequest) -> str:
    """Both paths answer alike."""
    root: str = request.param
    return root


@pytest.fixture
def api(workspace: Workspace) -> Api:
    return Api(key_of(workspace, Scope.BILLING_READ))


def pack(workspace: Workspace, key: str = "pack", **more: Any) -> Document:
    lines = [LineInput("Growth pack", 10_000, credits=5_000 * NANO)]
    given = {"lines": lines, "tax": Tax("VAT", 19), "paid": Payment(clock.now(), "card", "pi_1")} | more  # type: ignore[arg-type]
    return invoice_issue(key=key, workspace=workspace, purpose="pack", **given).document


@pytest.fixture
def documents(workspace: Workspace, alice: User) -> dict[str, Document]:
    made = {"pack": pack(workspace)}
    made["note"] = credit_note_issue(key="c", invoice=made["pack"], amount=1_190, reason="refunded").document
    draft = custom_draft_create(
        key="d", workspace=workspace, terms=Terms(lines=[LineInput("Fee", 500)], net_days=0), actor=alice
    )
    made["custom"] = custom_issue(document=draft, actor=alice)
    custom_draft_create(key="e", workspace=workspace, terms=Terms(lines=[LineInput("Fee", 500)]), actor=alice)
    stripes = StripeDocument(
        stripe_id="in_1",
        number="ABCD-0001",
        as_of=clock.now(),
        status="paid",
        currency="usd",
        subtotal=2_900,
        total=2_900,
        amount_paid=2_900,
        issued_at=datetime(2026, 1, 2, tzinfo=UTC),
        paid_at=datetime(2026, 1, 2, tzinfo=UTC),
        lines=[StripeLine("Pro plan", 2_900)],
        hosted_url="https://stripe.example/in_1",
        pdf_url="https://stripe.example/in_1.pdf",
    )
    made["stripe"] = stripe_invoice_mirror(workspace=workspace, document=stripes)
    return made


def test_all_documents_in_one_list(api: Api, documents: dict[str, Document], root: str) -> None:
    answer = api.get(f"{root}/list")
    check(answer, f"{root}/list", "get")
    numbers = [row["number"] for row in answer.json["data"]]
    assert numbers == [documents[name].number for name in ("custom", "note", "pack", "stripe")]
    by_number = {row["number"]: row for row in answer.json["data"]}
    custom, note, paid, stripe = (by_number[number] for number in numbers)
    assert custom["amount_due"] == {"amount": 500, "currency": "usd"}
    assert (custom["overdue"], custom["status"]) == (True, "open")
    assert (note["kind"], note["status"], note["invoice"]["number"]) == (
        "credit_note",
        "issued",
        documents["pack"].number,
    )
    assert (paid["total"]["amount"], paid["credited"]["amount"], paid["amount_due"]["amount"]) == (11_900, 1_190, 0)
    assert (paid["credits"], paid["credits_nano"]) == (5_000, str(5_000 * NANO))
    assert (stripe["origin"], stripe["pdf_url"]) == ("stripe", "https://stripe.example/in_1.pdf")


def test_filters_and_pages(api: Api, documents: dict[str, Document]) -> None:
    def numbers(**query: Any) -> list[str]:
        answer = api.get(LIST, query)
        check(answer, LIST, "get")
        assert answer.status == 200
        return [row["number"] for row in answer.json["data"]]

    assert numbers(kind="credit_note") == [documents["note"].number]
    assert numbers(status="paid") == [documents["pack"].number, "ABCD-0001"]
    assert numbers(year=2001) == []
    first = api.get(LIST, {"limit": 3}).json
    second = api.get(LIST, {"limit": 3, "cursor": first["next_cursor"]}).json
    assert len(first["data"]) == 3
    assert [row["number"] for row in second["data"]] == ["ABCD-0001"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"cursor": "MHwx"}, {"year": "1"}, {"kind": "draft"}, {"status": "draft"}, {"typo": 1}]
)
def test_what_is_no_question(api: Api, query: dict[str, Any]) -> None:
    answer = api.get(LIST, query)
    check(answer, LIST, "get")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_one_document_whole(api: Api, documents: dict[str, Document], root: str) -> None:
    invoice = documents["pack"]
    for name in (invoice.public_id, invoice.number):
        answer = api.get(f"{root}/{name}")
        check(answer, f"{root}/{{invoice}}", "get")
        found = answer.json
        assert (found["id"], found["number"]) == (invoice.public_id, invoice.number)
        assert found["lines"][0]["unit_amount"] == 10_000
        assert found["taxes"][0]["tax"] == {"amount": 1_900, "currency": "usd"}
        assert found["payment"]["reference"] == "pi_1"
        assert [note["number"] for note in found["credit_notes"]] == [documents["note"].number]
        assert found["customer"]["name"] == "Northwind AI"
    for other in ("note", "custom", "stripe"):
        check(api.get(f"{root}/{documents[other].number}"), f"{root}/{{invoice}}", "get")


@pytest.mark.parametrize("by_accept", [True, False])
def test_as_pdf(api: Api, documents: dict[str, Document], root: str, by_accept: bool) -> None:
    invoice = documents["pack"]
    headers = {"Accept": "application/pdf"} if by_accept else {}
    answer = api.get(f"{root}/{invoice.public_id}{'' if by_accept else '.pdf'}", **headers)
    check(answer, f"{root}/{{invoice}}", "get")
    assert answer.kind == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'
    assert str(invoice.number) in PdfReader(BytesIO(answer.content)).pages[0].extract_text()


def test_json_is_preferred_where_it_is_named_first(api: Api, documents: dict[str, Document]) -> None:
    answer = api.get(f"/api/v1/invoices/{documents['pack'].number}", Accept="application/json, application/pdf")
    assert answer.json["number"] == documents["pack"].number


def test_what_is_not_there(api: Api, documents: dict[str, Document], alice: User) -> None:
    other = Workspace.objects.create(name="Other")
    theirs = pack(other, "theirs")
    draft = Document.objects.get(status="draft")
    for name in (theirs.number, theirs.public_id, draft.public_id, "nothing", "nothing.pdf", "a%00b", "a/b", "in_1"):
        answer = api.get(f"/api/v1/invoices/{name}")
        check(answer, ONE, "get")
        assert answer.status == 404, name
    assert api.get("/api/v1/invoices/ABCD-0001.pdf").status == 404  # Stripe keeps that file


def test_methods_are_told_on_both_paths(api: Api, root: str) -> None:
    for path in ("list", "INV-1"):
        response = api.client.options(f"{root}/{path}")
        assert (response.status_code, response.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
        assert api.post(f"{root}/{path}", {}).status == 405


def test_it_takes_the_scope_for_reading_bills(workspace: Workspace, documents: dict[str, Document]) -> None:
    for path in (LIST, f"/api/v1/invoices/{documents['pack'].number}"):
        assert Api(key_of(workspace, Scope.USAGE_READ)).get(path).status == 403
        assert Api().get(path).status == 401


def test_the_operators_backend_names_the_workspace(workspace: Workspace, documents: dict[str, Document]) -> None:
    service = Api(key_of(None), **{"Purser-Workspace": workspace.public_id})
    assert len(service.get(LIST).json["data"]) == 4
