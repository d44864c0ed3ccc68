"""The PDF of a document: its texts (paper.py) set by Typst in the layout of document.typ. Same document, same bytes."""

import json
from pathlib import Path

import typst

from billing.foundation.site.models import SiteLogo
from billing.invoices.models import Document
from billing.invoices.pdf.fonts import font_folders
from billing.invoices.pdf.paper import paper

LAYOUT = (Path(__file__).parent / "document.typ").read_bytes()


def pdf_of(document: Document) -> bytes:
    """A4, fonts embedded, tagged for screen readers. A Stripe document has a file of its own (`pdf_url`)."""
    at, on_it = document.issued_at or document.created_at, paper(document)
    # The texts go in as data, so nothing in a name or an address is read as markup.
    made: bytes = typst.compile(  # type: ignore[misc] # its stub infers nothing from bytes
        LAYOUT,
        font_paths=font_folders(),
        ignore_system_fonts=True,
        sys_inputs={"paper": json.dumps(on_it, ensure_ascii=False, sort_keys=True), "logo": _logo(on_it["logo"])},
        timestamp=int(at.timestamp()),
    )
    return made


def _logo(name: str) -> str:
    """The picture as Typst takes it, or "null". Rows of pictures stay, so an issued document keeps its own."""
    found = SiteLogo.objects.filter(name=name).first() if name else None
    if found is None:
        return "null"
    kind = "png" if found.content_type == "image/png" else "jpg"
    return json.dumps({"bytes": list(bytes(found.data)), "format": kind})


def pdf_of_id(ref: str) -> bytes:
    """For the outbox: the document with this primary key."""
    return pdf_of(Document.objects.select_related("workspace", "invoice").get(pk=int(ref)))
