"""The operator's logo and colour on paper: of the day on which the document was issued."""

from io import BytesIO

import pytest
from pypdf import PdfReader

from accounts.models import User
from billing.foundation.site.logos import logo_save
from billing.foundation.site.services import site_update
from billing.foundation.tests.test_look import png
from billing.invoices.pdf.paper import paper
from billing.invoices.pdf.render import pdf_of
from billing.invoices.tests.conftest import Issue

pytestmark = pytest.mark.django_db


def pictures(pdf: bytes) -> int:
    return sum(len(page.images) for page in PdfReader(BytesIO(pdf)).pages)


def test_a_document_keeps_the_look_it_was_issued_with(custom: Issue, staff_user: User) -> None:
    plain = custom()
    row = logo_save(png(120, 40))
    site_update(changes={"logo": row, "accent_light": "#0f766e"}, actor=staff_user)
    dressed = custom("dressed")
    assert (paper(plain)["logo"], paper(plain)["accent"]) == ("", "#3b50d6")
    assert (paper(dressed)["logo"], paper(dressed)["accent"]) == (row.pk, "#0f766e")
    assert (pictures(pdf_of(plain)), pictures(pdf_of(dressed))) == (0, 1)
    before = pdf_of(dressed)
    site_update(changes={"logo": None, "accent_light": ""}, actor=staff_user)
    assert pdf_of(dressed) == before
    assert paper(custom("again"))["logo"] == ""
