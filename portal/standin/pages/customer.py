"""The customer portal."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from portal.standin.client import StandInError
from portal.standin.pages.shared import CardForm, day, money, simulated, standin

DONE = {
    "cancel": "Your subscription ends with its current period.",
    "resume": "Your subscription goes on.",
    "default": "Your default card was changed.",
    "remove": "The card was removed.",
    "add": "The card was saved.",
}


@simulated
@require_http_methods(["GET", "POST"])
def portal(request: HttpRequest, key: str) -> HttpResponse:
    told = standin().get(f"_hosted/portal/{key}")
    act = request.POST.get("act", "")
    form = CardForm(told["cards"], request.POST if act == "add" else None)
    if request.method == "POST" and (act != "add" or form.is_valid()):
        number = form.chosen() if act == "add" else ""
        try:
            answer = standin().post(
                f"_hosted/portal/{key}", act=act, target=request.POST.get("target", ""), number=number
            )
        except StandInError as error:
            if error.status != 400:
                raise
            answer = {"error": str(error)}
        if "redirect" in answer:
            return redirect(answer["redirect"])
        if "error" not in answer:
            messages.success(request, DONE[act])
            return redirect("standin:portal", key=key)
        if act == "add":
            form.add_error(None, answer["error"])
        else:
            messages.error(request, answer["error"])
            return redirect("standin:portal", key=key)
    return render(request, "standin/portal.html", _shown(told, form, key), status=422 if form.errors else 200)


def _shown(told: dict[str, Any], form: CardForm, key: str) -> dict[str, Any]:
    return {
        "form": form,
        "name": told["name"] or told["email"],
        "return_url": told["session"]["return_url"],
        "features": told["features"],
        "subscriptions": [
            one | {"until": day(min(item["current_period_end"] for item in one["items"]["data"]))}
            for one in told["subscriptions"]
        ],
        "methods": [one | {"is_default": one["id"] == told["default"]} for one in told["methods"]],
        "invoices": [
            one | {"shown": money(one["total"], one["currency"]), "on": day(one["created"])} for one in told["invoices"]
        ],
        "flow": (told["session"]["flow"] or {}).get("type", ""),
    }
