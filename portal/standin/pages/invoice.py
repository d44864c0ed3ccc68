"""A hosted invoice, and the files of invoices and credit notes."""

import base64

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from portal.standin.client import StandInError
from portal.standin.pages.shared import CardForm, day, money, onward, simulated, standin


@simulated
@require_http_methods(["GET", "POST"])
def invoice(request: HttpRequest, key: str) -> HttpResponse:
    told = standin().get(f"_hosted/invoices/{key}")
    made = told["invoice"]
    currency = made["currency"]
    form = CardForm(told["cards"], request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            answer = standin().post(f"_hosted/invoices/{key}/pay", number=form.chosen())
        except StandInError as error:
            if error.status != 400:
                raise
            answer = {"error": str(error)}
        if "error" not in answer:
            return onward(answer, request.path)
        form.add_error(None, answer["error"])
    shown = {
        "invoice": made,
        "form": form if made["status"] in ("open", "uncollectible") else None,
        "lines": [line | {"shown": money(line["amount"], currency)} for line in made["lines"]["data"]],
        "discount": money(-sum(one["amount"] for one in made["total_discount_amounts"]), currency)
        if made["total_discount_amounts"]
        else "",
        "tax": money(sum(one["amount"] for one in made["total_taxes"]), currency) if made["total_taxes"] else "",
        "total": money(made["total"], currency),
        "due": money(made["amount_remaining"], currency),
        "on": day(made["created"]),
    }
    return render(request, "standin/invoice.html", shown, status=422 if form.errors else 200)


@simulated
@require_GET
def pdf(request: HttpRequest, key: str, kind: str = "invoices") -> HttpResponse:
    file = base64.b64decode(standin().get(f"_hosted/{kind}/{key}/pdf")["pdf"])
    response = HttpResponse(file, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{key}.pdf"'
    return response
