"""The page of automatic top-ups: how it stands, agreeing to it, what was charged; and paying what a bank wants to see
confirmed.
"""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.roles import Permission
from billing.gateway.checkout import Back
from billing.gateway.looking import connected
from billing.metering.selectors.days import zone
from billing.packs import cards
from billing.packs.autotopup.forms import TermsForm, card_name, initial_of
from billing.packs.autotopup.models import TopUp
from billing.packs.autotopup.settings import (
    auto_top_up_agree,
    auto_top_up_change,
    auto_top_up_leave_off,
    auto_top_up_off,
    auto_top_up_resume,
    terms_check,
)
from billing.packs.autotopup.sizing import Terms
from billing.packs.autotopup.standing import Standing, history, standing
from billing.packs.autotopup.words import agreement
from billing.packs.buying import checkout_open
from billing.packs.models import Purchase
from billing.packs.selectors import purchase_named

SHOWN = 25
OFF = frozenset({"off", "withdraw", "leave"})  # the buttons after which nothing is charged automatically
manages_billing = workspace_page(Permission.MANAGE_BILLING)


def _switches_off(request: WorkspaceRequest, **_named: object) -> bool:
    return not OFF.isdisjoint(request.POST)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(Permission.MANAGE_BILLING, while_suspended=_switches_off)
def auto_top_up(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """A POST of the form shows what would be agreed to; that page's POST agrees. Less than was agreed to is saved at
    once.
    """
    if request.method == "POST" and (done := _switched(request)):
        return done
    stands, known, problem = standing(request.workspace), [], ""
    try:
        known = cards.cards_shown(request.workspace)
    except Refused as refused:
        problem = refused.message
    method = stands.consent.method if stands.consent else (known[0].id if known else "")
    asked = request.POST if request.method == "POST" else None
    form = TermsForm(asked, cards=known, initial=initial_of(stands.row, method))
    review = ""
    if asked is not None and form.is_valid():
        try:
            done, review = _saved(request, form, stands, known)
        except Refused as refused:
            form.refuse(refused)
        else:
            if done is not None:
                return done
    made = list(history(request.workspace)[: SHOWN + 1])
    context = {
        "nav": "auto-top-up",
        "form": form,
        "review": review,
        "stands": stands,
        "cards": known,
        "problem": problem,
        "connected": connected(),
        "history": made[:SHOWN],
        "more": len(made) > SHOWN,
    }
    with timezone.override(zone(request.workspace.time_zone)):
        return render(request, "packs/auto_top_up.html", context, status=422 if form.errors else 200)


def _switched(request: WorkspaceRequest) -> HttpResponse | None:
    """The buttons beside the form."""
    workspace, by = request.workspace, request.user
    if "off" in request.POST or "withdraw" in request.POST:
        withdraw = "withdraw" in request.POST
        if auto_top_up_off(workspace=workspace, by=by, withdraw=withdraw, request=request):
            messages.success(request, "Automatic top-ups are off. Nothing more is charged automatically.")
    elif "leave" in request.POST:
        if auto_top_up_leave_off(workspace=workspace, by=by, request=request):
            messages.success(request, "It stays off. Nothing is charged automatically.")
    elif "resume" in request.POST:
        if auto_top_up_resume(workspace=workspace, by=by, request=request):
            messages.success(request, "Automatic top-ups go on.")
    else:
        return None
    return redirect("packs:auto-top-up", workspace.public_id)


def _saved(
    request: WorkspaceRequest, form: TermsForm, stands: Standing, known: list[cards.ShownCard]
) -> tuple[HttpResponse | None, str]:
    """Where to go, or what has to be agreed to first. Raises Refused."""
    terms, given = form.terms(), form.cleaned_data
    terms_check(terms)
    page = redirect("packs:auto-top-up", request.workspace.public_id)
    if _is_less(stands, terms, given["method"]):
        auto_top_up_change(
            workspace=request.workspace,
            enabled=True,
            terms=terms,
            amount_in=given["amount_in"],
            actor=request.user,
            request=request,
        )
        messages.success(request, "Saved.")
        return page, ""
    card = card_name(next(card for card in known if card.id == given["method"]))
    text = agreement(terms, workspace=request.workspace.name, card=card, time_zone=request.workspace.time_zone)
    if not given["agreed"] or given["shown"] != text:
        if "agree" in request.POST and given["shown"] == text:
            form.add_error("agreed", "Tick this to agree. Nothing is charged automatically unless you do.")
        return None, text
    auto_top_up_agree(
        workspace=request.workspace,
        terms=terms,
        amount_in=given["amount_in"],
        method=given["method"],
        card=card,
        text=text,
        by=request.user,
        request=request,
    )
    messages.success(request, "Automatic top-ups are on.")
    return page, ""


def _is_less(stands: Standing, terms: Terms, method: str) -> bool:
    """Whether it is on, and what is asked for was agreed to already."""
    consent = stands.consent
    return stands.row.enabled and consent is not None and consent.method == method and terms.within(consent.terms)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@manages_billing
def pay(request: WorkspaceRequest, workspace_id: str, purchase_id: str) -> HttpResponse:
    """A charge that the bank wants the cardholder to confirm: to a page of Stripe, and back to the purchase."""
    purchase = purchase_named(request.workspace, purchase_id)
    if purchase is None or not purchase.automatic:
        raise Http404("no such top-up")
    home = reverse("packs:auto-top-up", args=[workspace_id])
    receipt = reverse("packs:purchase", args=[workspace_id, purchase_id])
    if purchase.status != Purchase.Status.OPEN or purchase.top_up.outcome != TopUp.Outcome.CONFIRMATION:
        return redirect(receipt)
    if request.method == "POST":
        try:
            if purchase.session_id is None:
                back = Back(request.build_absolute_uri(f"{receipt}?back=1"), request.build_absolute_uri(home))
                purchase = checkout_open(purchase, back)
        except Refused as refused:
            messages.error(request, refused.message)
        else:
            open_still = purchase.status == Purchase.Status.OPEN and purchase.session_url
            return HttpResponseRedirect(purchase.session_url if open_still else receipt)
    return render(request, "packs/auto_top_up_pay.html", {"nav": "auto-top-up", "purchase": purchase})
