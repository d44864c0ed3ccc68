"""What all these pages have in common."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from portal.standin.client import StandInClient, StandInError
from portal.standin.money import WITHOUT_CENTS

View = Callable[..., HttpResponse]


def standin() -> StandInClient:
    return StandInClient(settings.STRIPE_API_HOST, settings.STANDIN_TOKEN)


def simulated(view: View) -> View:
    """What does not exist is a 404; when the stand-in is silent the page says that nothing was charged."""

    @never_cache
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except StandInError as error:
            if error.status == 404:
                raise Http404 from error
            return render(request, "standin/silent.html", {"reason": str(error)}, status=503)

    return shown


class CardForm(forms.Form):
    """Which test card, or which saved one. There is no field for a number: nobody must type that of a real card."""

    card = forms.ChoiceField(label="Test card", choices=())

    def __init__(
        self, cards: list[dict[str, str]], *args: Any, saved: Sequence[dict[str, Any]] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        choices: list[Any] = [(card["number"], f"{card['digits']} · {card['title']}") for card in cards]
        if saved:
            shown = [(one["id"], f"{one['card']['brand'].title()} ending in {one['card']['last4']}") for one in saved]
            choices = [("Saved cards", shown), ("Test cards", choices)]
        self.fields["card"].choices = choices  # type: ignore[attr-defined]

    def chosen(self) -> str:
        return str(self.cleaned_data["card"])


def onward(answer: dict[str, Any], otherwise: str) -> HttpResponse:
    """To where the stand-in says: the merchant's page, or another of ours."""
    return redirect(answer.get("redirect") or otherwise)


def money(amount: int | None, currency: str | None) -> str:
    """`$20.00`, `1,500 JPY`."""
    if amount is None or currency is None:
        return ""
    whole = currency in WITHOUT_CENTS
    text = f"{abs(amount):,}" if whole else f"{Decimal(abs(amount)) / 100:,.2f}"
    sign = {"usd": "$", "eur": "€", "gbp": "£"}.get(currency, "")
    return ("−" if amount < 0 else "") + (f"{sign}{text}" if sign else f"{text} {currency.upper()}")


def day(stamp: int | None) -> datetime | None:
    return datetime.fromtimestamp(stamp, UTC) if stamp else None
