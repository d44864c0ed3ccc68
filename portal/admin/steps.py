"""What the corrections by hand have in common: who may, a reason, a person's confirmation, once per form."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from billing.credits.units import AmountOutOfRange, credits
from billing.foundation.adminforms import ActionForm, ReasonForm, reason_field
from billing.ledger.errors import IdempotencyConflict, LedgerError
from billing.ledger.selectors import Balance
from portal.admin.secondperson import MAY_POST

Facts = list[tuple[str, str]]


class CorrectionForm(ReasonForm):
    """A correction that is done whole."""

    reason = reason_field("The customer reads it with the entry; it is kept in the audit log.")


class MayPost:
    """Mixed in front of an admin whose detail actions move credits."""

    def has_posting_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_POST)


def must_may_post(request: HttpRequest) -> None:
    if not request.user.has_perm(MAY_POST):
        raise PermissionDenied


def amount(nano: int) -> str:
    """Credits in full."""
    return f"{credits(nano):,f}"


def as_it_was(found: Balance) -> dict[str, str]:
    """A balance for the audit log."""
    return {"balance": str(credits(found.available)), "owed": str(credits(found.debt))}


def refused(act: Callable[[], str]) -> str:
    """What `act` answers; what the ledger refuses becomes an error of the form."""
    try:
        return act()
    except IdempotencyConflict:
        raise ValidationError("This form was sent before with other values. Open it again to post another.") from None
    except (LedgerError, AmountOutOfRange) as error:
        raise ValidationError(f"Nothing was posted: {error}") from None


def two_steps(
    admin: Any,
    request: HttpRequest,
    *,
    form: ActionForm,
    title: str,
    facts: Facts,
    effect: Callable[[Any], Facts],
    apply: Callable[[Any], str],
    back: str,
    button: str,
    intro: str = "",
) -> HttpResponse:
    """Ask, then show what it would do (`effect`), then do it (`apply`): the second POST says `confirmed` with the same
    values. Both may raise ValidationError. Only a POST that confirms changes something.
    """
    step = request.POST.get("step", "")
    seen: Facts = []
    if request.method == "POST" and form.is_valid() and step != "change":
        try:
            if step == "confirm":
                messages.success(request, apply(form.cleaned_data))
                return redirect(back)
            seen = effect(form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        except AmountOutOfRange as error:
            form.add_error(None, str(error))
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "form": form,
        "intro": "" if seen else intro,
        "facts": facts,
        "effect": seen,
        "button": button if seen else "Continue",
        "back": back,
        "opts": admin.model._meta,
    }
    return TemplateResponse(request, "admin/two_steps.html", context)
