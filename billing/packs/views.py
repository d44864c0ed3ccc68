"""Buying credits: choose, pay at Stripe, come back and see it arrive; and the saved cards."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.roles import Permission
from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.gateway.checkout import Back
from billing.gateway.looking import connected
from billing.invoices.seller import seller
from billing.metering.selectors.days import zone
from billing.packs import cards
from billing.packs.attending import notice_write
from billing.packs.autotopup.standing import settings_with
from billing.packs.buying import purchase_begin, purchase_leave
from billing.packs.errors import CodeRefused, NotLeft, PaymentRefused, PaymentsOff
from billing.packs.forms import BuyForm, fresh_key
from billing.packs.fulfilment import ABANDONED_AFTER
from billing.packs.models import Purchase
from billing.packs.promotions import promotion_find, terms, tidy
from billing.packs.selectors import Offer, offers_for, purchase_named, purchases
from billing.packs.x402.showing import usdc

SHOWN, LATEST_IN_USDC = 50, 5
SLOW = timedelta(seconds=60)  # of confirming; then the page says that one may go
Status = Purchase.Status
manages_billing = workspace_page(Permission.MANAGE_BILLING)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@manages_billing
def buy(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Choose a pack; a GET with `pack` and `code` shows what that would be, the POST leads to Checkout."""
    if "apply" in request.POST:  # a GET by the form itself would carry its CSRF token into the address
        chosen = {name: request.POST.get(name, "")[:40] for name in ("pack", "code")}
        return redirect(f"{reverse('packs:buy', args=[workspace_id])}?{urlencode(chosen)}#code")
    offers = offers_for(request.workspace)
    asked = request.POST if request.method == "POST" else None
    form = BuyForm(asked, offers=offers, initial=_chosen(request, offers))
    if request.method == "POST" and form.is_valid() and (leads := _pay(request, form)) is not None:
        return leads
    left = purchase_named(request.workspace, request.GET.get("left", ""))
    offers, code_problem = _with_code(request, form, offers)
    context = {
        "nav": "credits",
        "form": form,
        "offers": offers,
        "chosen": form["pack"].value() or "",
        "code": tidy(str(form["code"].value() or "")),
        "code_problem": code_problem,
        "left": left if left and left.status == Status.OPEN else None,
        "connected": connected(),
        "support_email": site().support_email,
        "taxed": seller().tax_percent > 0,
        "usdc": usdc(request, request.workspace, LATEST_IN_USDC),
    }
    with timezone.override(zone(request.workspace.time_zone)):
        return render(request, "packs/buy.html", context, status=422 if form.errors else 200)


def _chosen(request: WorkspaceRequest, offers: list[Offer]) -> dict[str, str]:
    keys = [offer.pack.key for offer in offers]
    middle = keys[len(keys) // 2] if keys else ""
    asked = request.GET.get("pack", "")
    code = request.GET.get("code", "").replace("\0", "")[:40]
    return {"key": fresh_key(), "pack": asked if asked in keys else middle, "code": code}


def _pay(request: WorkspaceRequest, form: BuyForm) -> HttpResponse | None:
    given = form.cleaned_data
    try:
        purchase, _ = purchase_begin(
            workspace=request.workspace,
            pack_key=given["pack"],
            code=given["code"],
            key=f"form:{given['key']}",
            back=partial(back_to, request.build_absolute_uri),
            buyer=request.user,
            request=request,
        )
    except Refused as refused:
        form.refuse(refused)
        if isinstance(refused, PaymentsOff | PaymentRefused):  # that purchase is over: the next press is another one
            data = request.POST.copy()
            data["key"] = fresh_key()
            form.data = data
        return None
    if purchase.status != Status.OPEN:
        return redirect("packs:purchase", request.workspace.public_id, purchase.public_id)
    return HttpResponseRedirect(purchase.session_url)


def back_to(absolute: Callable[[str], str], purchase: Purchase) -> Back:
    """Where Checkout leads: to the purchase, or back to the choice with nothing lost."""
    workspace_id = purchase.workspace.public_id
    success = reverse("packs:purchase", args=[workspace_id, purchase.public_id])
    pack = purchase.pack.key if purchase.pack else ""
    left = f"?left={purchase.public_id}&pack={pack}&code={purchase.promotion_code}"
    return Back(absolute(f"{success}?back=1"), absolute(reverse("packs:buy", args=[workspace_id]) + left))


def _with_code(request: WorkspaceRequest, form: BuyForm, offers: list[Offer]) -> tuple[list[Offer], str]:
    """The offers as the typed code makes them; and, when it counts for none, or not for the chosen one, why."""
    code = str(form["code"].value() or "").strip()
    if not code:
        return offers, ""
    shown, problem, chosen = [], "", form["pack"].value()
    for offer in offers:
        try:
            found = promotion_find(code=code, pack=offer.pack, workspace=request.workspace)
        except CodeRefused as refused:
            shown.append(offer)
            if offer.pack.key == chosen and not form.errors:
                problem = refused.message
        else:
            shown.append(Offer(offer.pack, terms(offer.pack, found)))
    return shown, problem


@never_cache
@require_safe
@manages_billing
def bought(request: WorkspaceRequest, workspace_id: str, purchase_id: str) -> HttpResponse:
    """What became of a purchase: confirming until the credits are there, then the receipt. htmx asks for its middle."""
    purchase = _purchase(request, purchase_id)
    came_back = "back" in request.GET and request.viewing is None
    if came_back and purchase.in_flight and _first_return(purchase):
        notice_write(purchase, "the customer came back")
    with timezone.override(zone(request.workspace.time_zone)):
        context = {
            "nav": "credits",
            "purchase": purchase,
            "slow": purchase.in_flight and _since(purchase) <= clock.now() - SLOW,
            "came_back": purchase.returned_at is not None,
            "open_until": purchase.created_at + ABANDONED_AFTER,
            "lots": [lot for lot in (purchase.lot, purchase.bonus_lot, purchase.promotion_lot) if lot],
            "backs": [back for back in purchase.money_back.order_by("created_at") if back.status != "refused"],
        }
        if request.htmx:
            response = render(request, "packs/parts/purchase.html", context)
            if purchase.status == Status.FULFILLED:
                response["HX-Trigger-After-Settle"] = "balance:refresh"
            return response
        return render(request, "packs/purchase.html", context)


def _first_return(purchase: Purchase) -> bool:
    """Once: looking at the page again asks Stripe nothing."""
    now = clock.now()
    if not Purchase.objects.filter(pk=purchase.pk, returned_at=None).update(returned_at=now):
        return False
    purchase.returned_at = now
    return True


def _since(purchase: Purchase) -> datetime:
    return purchase.returned_at or purchase.created_at


@require_safe
@manages_billing
def listed(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Everything that was bought, or begun."""
    with timezone.override(zone(request.workspace.time_zone)):
        found = list(purchases(request.workspace).prefetch_related("money_back")[: SHOWN + 1])
        context = {"nav": "credits", "purchases": found[:SHOWN], "more": len(found) > SHOWN, "most": SHOWN}
        context["usdc"] = usdc(request, request.workspace, LATEST_IN_USDC)
        return render(request, "packs/purchases.html", context)


@require_POST
@workspace_page(Permission.MANAGE_BILLING, while_suspended=True)
def leave(request: WorkspaceRequest, workspace_id: str, purchase_id: str) -> HttpResponse:
    """Give up a purchase that is not paid."""
    purchase = _purchase(request, purchase_id)
    try:
        found = purchase_leave(purchase=purchase, actor=request.user, request=request)
    except (NotLeft, PaymentsOff) as refused:
        messages.error(request, refused.message)
        return redirect("packs:purchase", workspace_id, purchase_id)
    if found.status == Status.CANCELED:
        messages.success(request, "Canceled. Nothing was charged.")
        return redirect("packs:buy", workspace_id)
    return redirect("packs:purchase", workspace_id, purchase_id)


def _purchase(request: WorkspaceRequest, purchase_id: str) -> Purchase:
    purchase = purchase_named(request.workspace, purchase_id)
    if purchase is None:
        raise Http404("no such purchase")
    return purchase


@never_cache
@require_safe
@manages_billing
def methods(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Saved cards, as Stripe has them now."""
    if "saved" in request.GET:
        messages.success(request, "The card is saved.")
        return redirect("packs:methods", workspace_id)
    context: dict[str, Any] = {"nav": "methods", "connected": connected(), "form_key": fresh_key()}
    context["at_stripe"] = cards.at_stripe(request.workspace)
    status = 200
    try:
        context["cards"] = cards.cards_shown(request.workspace)
    except Refused as refused:
        context["problem"], status = refused.message, 503
    return render(request, "packs/methods.html", context, status=status)


@require_POST
@manages_billing
def method_add(request: WorkspaceRequest, workspace_id: str) -> HttpResponseBase:
    """To Checkout, which saves a card."""
    page = request.build_absolute_uri(reverse("packs:methods", args=[workspace_id]))
    act = partial(cards.card_add, workspace=request.workspace, key=request.POST.get("key", ""), page=page)
    return _acted(request, workspace_id, lambda: HttpResponseRedirect(act()))


@require_POST
@manages_billing
def methods_at_stripe(request: WorkspaceRequest, workspace_id: str) -> HttpResponseBase:
    """To Stripe's customer portal, and back here."""
    page = request.build_absolute_uri(reverse("packs:methods", args=[workspace_id]))
    act = partial(cards.manage_url, workspace=request.workspace, page=page)
    return _acted(request, workspace_id, lambda: HttpResponseRedirect(act()))


@require_POST
@manages_billing
def method_default(request: WorkspaceRequest, workspace_id: str, method_id: str) -> HttpResponseBase:
    def act() -> HttpResponse:
        cards.card_prefer(workspace=request.workspace, method=method_id, actor=request.user, request=request)
        messages.success(request, "From now on this card is charged.")
        return redirect("packs:methods", workspace_id)

    return _acted(request, workspace_id, act)


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(Permission.MANAGE_BILLING, while_suspended=True)
def method_remove(request: WorkspaceRequest, workspace_id: str, method_id: str) -> HttpResponseBase:
    """A page that asks, then its POST."""

    def act() -> HttpResponse:
        if request.method != "POST":
            card = cards.card_named(request.workspace, method_id)
            if card is None:
                raise Http404("no such card")
            agreed = settings_with(request.workspace, card.id)
            return render(request, "packs/method_remove.html", {"nav": "methods", "card": card, "agreed": agreed})
        cards.card_forget(workspace=request.workspace, method=method_id, actor=request.user, request=request)
        messages.success(request, "The card is removed.")
        return redirect("packs:methods", workspace_id)

    return _acted(request, workspace_id, act)


def _acted(request: HttpRequest, workspace_id: str, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    try:
        return act()
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("packs:methods", workspace_id)
