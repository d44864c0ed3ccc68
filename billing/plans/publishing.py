"""New versions of plans."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.http import HttpRequest

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.plans.models import Plan, PlanVersion


def check_quantities(quantities: Any) -> dict[str, str]:
    """`{meter: quantity}` as stored (decimal strings); raises ValidationError for anything else."""
    if not isinstance(quantities, dict):
        raise ValidationError('Write meters and quantities, such as {"input_characters": "1000"}.')
    checked = {}
    for meter, quantity in quantities.items():
        try:
            number = Decimal(str(quantity))
        except InvalidOperation:
            number = Decimal("NaN")
        if isinstance(quantity, bool) or not number.is_finite() or not 0 <= number < 10**12:
            raise ValidationError(f"{quantity!r} is not a quantity of {meter}.")
        if number != round(number, 9):
            raise ValidationError(f"The quantity of {meter} has more than 9 decimals.")
        checked[str(meter)] = f"{number:f}"
    return checked


@transaction.atomic
def version_publish(*, version: PlanVersion, actor: User | str, request: HttpRequest | None = None) -> PlanVersion:
    """Publish `version` as the next number of its plan. Whoever is on an older one stays on it."""
    Plan.objects.select_for_update(no_key=True).get(pk=version.plan_id)
    last = PlanVersion.objects.filter(plan_id=version.plan_id).aggregate(number=Max("number"))["number"] or 0
    version.number = last + 1
    version.published_at = clock.now()
    version.save(force_insert=True)
    record(
        action="plan.version_published",
        actor=actor,
        target=str(version),
        after={
            "monthly_price_cents": version.monthly_price_cents,
            "monthly_credits_nano": str(version.monthly_credits),
            "allowances": version.allowances,
            "request_limits": version.request_limits,
            "qualities": version.qualities,
            "concurrency": version.concurrency,
            "discounts": version.discounts,
            "tiers": version.tiers,
        },
        request=request,
    )
    return version
