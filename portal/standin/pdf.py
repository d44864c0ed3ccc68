"""Plain PDFs of simulated invoices and credit notes; the portal's own documents are made elsewhere."""

from portal.standin.errors import Json
from portal.standin.money import shown

SIMULATED = "SIMULATED: no money has moved, and this is no tax document."


def invoice_pdf(invoice: Json) -> bytes:
    currency = invoice["currency"]
    rows = [
        f"Invoice {invoice['number'] or '(draft)'}",
        SIMULATED,
        "",
        f"For {invoice['customer_name'] or invoice['customer_email'] or invoice['customer']}",
        "",
    ]
    rows += [f"{line['description']}   {shown(line['amount'], currency)}" for line in invoice["lines"]["data"]]
    rows += ["", f"Subtotal   {shown(invoice['subtotal'], currency)}"]
    rows += [f"Discount   {shown(-one['amount'], currency)}" for one in invoice["total_discount_amounts"]]
    rows += [f"Tax   {shown(tax['amount'], currency)}" for tax in invoice["total_taxes"]]
    rows += [f"Total   {shown(invoice['total'], currency)}", f"Status   {invoice['status']}"]
    return _document(rows)


def credit_note_pdf(note: Json) -> bytes:
    currency = note["currency"]
    rows = [f"Credit note {note['number']}", SIMULATED, ""]
    rows += [f"{line['description']}   {shown(line['amount'], currency)}" for line in note["lines"]["data"]]
    rows += ["", f"Total   {shown(note['total'], currency)}", f"Status   {note['status']}"]
    return _document(rows)


def _document(rows: list[str]) -> bytes:
    text = " ".join(f"({_escaped(row)}) Tj T*" for row in rows)
    stream = f"BT /F1 11 Tf 60 760 Td 17 TL {text} ET".encode("cp1252", "replace")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    document, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(document))
        document += b"%d 0 obj%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(document))
    return document + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


def _escaped(row: str) -> str:
    return row.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
