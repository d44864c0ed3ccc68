"""The operator's own data on documents: read, and changed with a note in the audit log."""

from typing import Any

from django.db import transaction
from django.forms.models import model_to_dict
from django.http import HttpRequest

from accounts.models import User
from billing.foundation.audit.services import record_change
from billing.foundation.site.selectors import site
from billing.invoices.models import Seller


def seller() -> Seller:
    """As it is now; the next document is printed with it."""
    return Seller.objects.filter(pk=1).first() or Seller(pk=1)


def seller_snapshot(of: Seller) -> dict[str, str]:
    """What a document keeps of it."""
    return {
        "name": of.legal_name or site().product_name,
        "address": of.address,
        "country": of.country,
        "tax_id": of.tax_id,
        "email": of.email,
        "website": of.website,
        "logo_text": of.logo_text or site().product_name,
        "logo": site().logo_id or "",
        "accent": site().accent_light,
        "bank_details": of.bank_details,
        "footer": of.footer,
        "reverse_charge_note": of.reverse_charge_note,
    }


@transaction.atomic
def seller_update(*, changes: dict[str, Any], actor: User | str, request: HttpRequest | None = None) -> Seller:
    """Change the seller's data; raises ValidationError and then changes nothing. Issued documents stay as they are."""
    Seller.objects.get_or_create(pk=1)
    row = Seller.objects.select_for_update().get(pk=1)
    before = model_to_dict(row)
    for name, value in changes.items():
        setattr(row, name, value)
    row.full_clean()
    if record_change(
        action="seller.updated", actor=actor, target="seller", before=before, after=model_to_dict(row), request=request
    ):
        row.save()
    return row
