"""The PDF of a document: its texts (paper.py) set by Typst in the layout of document.typ. Same document, same bytes."""

import json
from pathlib import Path

import typst

from billing.invoices.models import Document
from billing.invoices.pdf.fonts import font_folders
from billing.invoices.pdf.paper import paper

LAYOUT = (Path(__file__).parent / "document.typ").read_bytes()


def pdf_of(document: Document) -> bytes:
    """A4, fonts embedded, tagged for screen readers. A Stripe document has a file of its own (`pdf_url`)."""
    at = document.issued_at or document.created_at
    # The texts go in as data, so nothing in a name or an address is read as markup.
    made: bytes = typst.compile(  # type: ignore[misc] # its stub infers nothing from bytes
        LAYOUT,
        font_paths=font_folders(),
        ignore_system_fonts=True,
        sys_inputs={"paper": json.dumps(paper(document), ensure_ascii=False, sort_keys=True)},
        timestamp=int(at.timestamp()),
    )
    return made


def pdf_of_id(ref: str) -> bytes:
    """For the outbox: the document with this primary key."""
    return pdf_of(Document.objects.select_related("workspace", "invoice").get(pk=int(ref)))
