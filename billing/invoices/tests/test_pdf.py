"""The PDF says what the document says, in any script, on as many pages as it takes, and always in the same bytes."""

from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.invoices.custom import custom_paid, document_close
from billing.invoices.issue import credit_note_issue
from billing.invoices.models import Document
from billing.invoices.money import Tax
from billing.invoices.pdf.render import pdf_of, pdf_of_id
from billing.invoices.profiles import profile_save
from billing.invoices.seller import seller_update
from billing.invoices.tests.conftest import PAID, Issue, line
from billing.invoices.writing import Payment

pytestmark = pytest.mark.django_db


def reader(document: Document) -> PdfReader:
    return PdfReader(BytesIO(pdf_of(document)))


def text(document: Document) -> str:
    return "\n".join(page.extract_text() for page in reader(document).pages)


def fonts(found: PdfReader) -> set[str]:
    names: set[str] = set()
    for page in found.pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            part: Any = font.get_object()["/DescendantFonts"][0].get_object()
            assert {"/FontFile2", "/FontFile3"} & set(part["/FontDescriptor"]), "it is not embedded"
            names.add(str(part["/BaseFont"]))
    return names


def test_an_invoice_to_be_paid(custom: Issue) -> None:
    invoice = custom()
    found = text(invoice)
    for part in (
        *(str(invoice.number), "Żółć & Söhne SE", "00-001 Warszawa", "Poland", "EU VAT number: PL1234567890"),
        *("Purser Operations GmbH", "Hafenstraße 7", "Tax number: DE123456789", "Registered in Hamburg, HRB 12345"),
        *("200,000 credits", "$0.0045", "VAT 19 %", "$900.00", "$171.00", "$1,071.00", "Amount due", "PO-77"),
        *("How to pay", "IBAN DE02 1203 0000 0000 2020 51", "Page 1 of 1"),
    ):
        assert part in found, part
    assert "PAID" not in found
    page = reader(invoice).pages[0].mediabox
    assert (round(page.width), round(page.height)) == (595, 842)  # A4


def test_a_paid_one_is_stamped_and_asks_for_nothing(pack: Issue, custom: Issue, staff_user: User) -> None:
    found = text(pack())
    assert "PAID" in found
    assert "$119.00 paid on 3 March 2026 by card (reference pi_1)." in found
    invoice = custom()
    custom_paid(document=invoice, payment=Payment(clock.now(), "transfer"), actor=staff_user)
    invoice.refresh_from_db()
    found = text(invoice)
    assert "PAID" in found
    assert "IBAN" not in found


def test_void_and_draft_say_so(custom: Issue, staff_user: User) -> None:
    draft, invoice = custom("a", issue=False), custom("b")
    found = text(draft)
    assert "DRAFT" in found
    assert "Żółć & Söhne SE" in found
    document_close(document=invoice, status="void", reason="x", actor=staff_user)
    invoice.refresh_from_db()
    assert "nothing is owed for it" in text(invoice)


def test_a_credit_note(pack: Issue) -> None:
    invoice = pack()
    note = credit_note_issue(
        key="c", invoice=invoice, amount=2_380, reason="Refunded on request", credits=1_000 * NANO, paid_back=PAID
    ).document
    found = text(note)
    for part in (
        *("Credit note", str(note.number), f"Credit for invoice {invoice.number}", "Total credited", "$23.80"),
        *("of which VAT 19 % on $20.00", "$3.80", "Reason: Refunded on request", "Paid back by card (reference pi_1)."),
        "1,000 credits are taken back with it.",
    ):
        assert part in found, part
    assert "How to pay" not in found


def test_rates_are_summed_one_by_one(custom: Issue) -> None:
    lines = [line(), line("Books", 5_000, tax=Tax("VAT", Decimal(7))), line("Again", 1_000, discount=500)]
    found = text(custom(lines=lines))
    assert "VAT 19 % on $105.00" in found
    assert "VAT 7 % on $50.00" in found
    assert "−$5.00" in found


def test_reverse_charge_says_its_sentence(custom: Issue) -> None:
    found = text(custom(tax=Tax("VAT", reverse_charge=True)))
    assert "Reverse charge: the recipient accounts for the tax." in found


def test_long_tables_go_on_with_their_head(custom: Issue) -> None:
    invoice = custom(lines=[line(f"Item {n}", 100 + n) for n in range(120)])
    pages = reader(invoice).pages
    assert len(pages) > 2
    assert all("Description" in page.extract_text() for page in pages[:-1])
    assert f"Page 2 of {len(pages)}" in pages[1].extract_text()
    found = text(invoice)
    assert all(f"Item {n}" in found for n in range(120))


NAMES = [
    *("Ελληνική Εταιρεία", "Российская компания", "Đặng Văn Việt", "日本語株式会社", "中文有限公司", "한국어 주식회사"),
    *("שלום בעמ", "شركة", "हिन्दी", "ไทย", "ქართული", "Հայերեն"),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_prints_with_fonts_of_its_own(shop: Workspace, alice: User, pack: Issue, name: str) -> None:
    profile_save(workspace=shop, values={"legal_name": name}, by=alice)
    found = reader(pack())
    used = fonts(found)
    assert not any("LibertinusSerif" in font for font in used), used  # what Typst takes when nothing fits
    extracted = found.pages[0].extract_text()
    if name.isascii() or all(ord(c) < 0x590 or ord(c) > 0x2E80 for c in name):  # the rest is drawn in clusters
        assert name in extracted


def test_markup_in_a_name_is_just_a_name(shop: Workspace, alice: User, pack: Issue) -> None:
    name = '#read("/etc/passwd") $x$ *b* _i_ @ref <label> \\ `raw` [x] ]'
    profile_save(workspace=shop, values={"legal_name": name}, by=alice)
    assert "".join(name.split()) in "".join(text(pack()).split())


def test_the_same_document_has_the_same_bytes(custom: Issue, staff_user: User) -> None:
    invoice = custom()
    first = pdf_of(invoice)
    seller_update(changes={"legal_name": "Somebody else"}, actor=staff_user)
    with clock.at(clock.now().replace(year=2031)):
        assert pdf_of_id(str(invoice.pk)) == first


def test_it_can_be_read_aloud(custom: Issue) -> None:
    """Tagged, with a title and a language."""
    invoice = custom()
    found = reader(invoice)
    root = found.trailer["/Root"]
    assert bool(root["/MarkInfo"]["/Marked"])  # type: ignore[index]
    assert "/StructTreeRoot" in root  # type: ignore[operator]
    assert str(root["/Lang"]).startswith("en")  # type: ignore[index]
    assert found.metadata is not None
    assert found.metadata.title == f"Invoice {invoice.number}"
