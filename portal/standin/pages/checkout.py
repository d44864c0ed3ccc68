"""Checkout and the bank's question."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from portal.standin.client import StandInError
from portal.standin.pages.shared import CardForm, money, onward, simulated, standin

VERBS = {"payment": "Pay", "subscription": "Subscribe", "setup": "Save card"}


class CodeForm(forms.Form):
    code = forms.CharField(label="Promotion code", max_length=50, required=False)


@simulated
@require_http_methods(["GET", "POST"])
def checkout(request: HttpRequest, key: str) -> HttpResponse:
    told = standin().get(f"_hosted/checkout/{key}")
    session = told["session"]
    form = CardForm(told["cards"], request.POST or None, saved=told["saved"])
    if request.method == "POST" and form.is_valid():
        answer = standin().post(f"_hosted/checkout/{key}/pay", number=form.chosen())
        if "error" not in answer:
            return (
                redirect("standin:checkout", key=key)
                if answer.get("expired")
                else onward(answer, session["success_url"])
            )
        form.add_error(None, answer["error"])
    elif session["status"] == "complete":
        return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", key))
    elif told["message"]:
        form = CardForm(told["cards"], {}, saved=told["saved"])
        form.full_clean()
        form.errors.pop("card", None)  # nobody has left it out
        form.add_error(None, told["message"])
    if session["status"] == "expired":
        return render(request, "standin/expired.html", {"back": session["cancel_url"]}, status=410)
    return render(request, "standin/checkout.html", _shown(told, form), status=422 if form.errors else 200)


def _shown(told: dict[str, Any], form: CardForm) -> dict[str, Any]:
    session, currency = told["session"], told["session"]["currency"]
    totals = session["total_details"] or {"amount_discount": 0, "amount_tax": 0}
    every = next((line["price"]["recurring"] for line in told["lines"] if line["price"]["recurring"]), None)
    lines = [line | {"shown": money(line["amount_subtotal"], currency)} for line in told["lines"]]
    return {
        "session": session,
        "form": form,
        "code_form": CodeForm() if session["allow_promotion_codes"] else None,
        "lines": lines,
        "email": told["email"],
        "total": money(session["amount_total"], currency),
        "discount": money(-totals["amount_discount"], currency) if totals["amount_discount"] else "",
        "tax": money(totals["amount_tax"], currency) if totals["amount_tax"] else "",
        "every": every["interval"] if every else "",
        "trial_days": told["trial_days"],
        "verb": VERBS[session["mode"]],
    }


@simulated
@require_POST
def code(request: HttpRequest, key: str) -> HttpResponse:
    form = CodeForm(request.POST)
    told = standin().get(f"_hosted/checkout/{key}")
    if not form.is_valid():
        return redirect("standin:checkout", key=key)
    try:
        standin().post(f"_hosted/checkout/{key}/code", code=form.cleaned_data["code"])
    except StandInError as error:
        if error.status != 400:
            raise
        form.add_error("code", str(error))
        shown = _shown(told, CardForm(told["cards"], saved=told["saved"])) | {"code_form": form}
        return render(request, "standin/checkout.html", shown, status=422)
    return redirect("standin:checkout", key=key)


@simulated
@require_http_methods(["GET", "POST"])
def recover(request: HttpRequest, key: str) -> HttpResponse:
    """From the link in a reminder; a page fetched ahead by a mail program must not begin anything."""
    if request.method == "GET":
        return render(request, "standin/recover.html", {"key": key})
    return onward(standin().post(f"_hosted/checkout/{key}/recover"), "/")


@simulated
@require_http_methods(["GET", "POST"])
def authentication(request: HttpRequest, key: str) -> HttpResponse:
    if request.method == "POST":
        approve = request.POST.get("answer") == "approve"
        return onward(standin().post(f"_hosted/authentication/{key}", approve=approve), "/")
    told = standin().get(f"_hosted/authentication/{key}")
    return render(request, "standin/authentication.html", {"amount": money(told["amount"], told["currency"])})
