"""What the admin pages of everything that is sold for a time have in common."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from billing.credits import clock
from billing.foundation.onoffer import offer_state

OFFER_LABELS = {"on": "success", "waiting": "info", "ending": "success", "over": "warning", "off": "danger"}


def shown_state(row: Any) -> tuple[str, str]:
    """Of a row with `active`, `starts_at` and `ends_at`: its label, and what stands in it."""
    state = offer_state(row.active, row.starts_at, row.ends_at, clock.now())
    return state.kind, state.text


def in_order(form: Any) -> dict[str, Any]:
    """For `clean` of a form with `starts_at` and `ends_at`: an end comes after its start."""
    found: dict[str, Any] = form.cleaned_data
    starts, ends = found.get("starts_at"), found.get("ends_at")
    if starts and ends and ends <= starts:
        form.add_error("ends_at", "After its start.")
    return found


def as_customer(request: HttpRequest, template: str, context: dict[str, Any], *, title: str, back: str) -> HttpResponse:
    """A page in the frame that customers see, with what is sold as they see it and nothing to press."""
    return TemplateResponse(request, template, {**context, "title": title, "back": back})
