"""Adjustments that wait for a second person: the list, and the page on which one is approved or refused."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action, display

from accounts.models import User
from billing.credits import clock
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.adminforms import ReasonForm, action_page
from billing.foundation.desk.models import Proposal
from billing.ledger.selectors import balance
from portal.admin.secondperson import MAY_POST, approve, refuse
from portal.admin.steps import Facts, amount


def waiting() -> QuerySet[Proposal]:
    """Those that somebody can still approve."""
    return Proposal.objects.filter(status=Proposal.Status.OPEN, expires_at__gt=clock.now())


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waits"), ("expired", "Waited too long"), *Proposal.Status.choices[1:]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Proposal]) -> QuerySet[Proposal]:
        match self.value():
            case None:
                return queryset
            case "waiting":
                return queryset.filter(status=Proposal.Status.OPEN, expires_at__gt=clock.now())
            case "expired":
                return queryset.filter(status=Proposal.Status.OPEN, expires_at__lte=clock.now())
            case status:
                return queryset.filter(status=status)


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    list_display = ("summary", "workspace", "credits", "state", "proposer_label", "created_at", "expires_at")
    list_filter = (StateFilter,)
    list_select_related = ("workspace",)
    search_fields = ("summary", "proposer_label", "workspace__name", "workspace__public_id")
    show_full_result_count = False
    actions_detail = ("approve", "refuse")
    fields = (
        *("summary", "workspace", "credits", "reason", "proposer_label", "created_at", "expires_at", "state"),
        *("decider_label", "decided_at", "decided_why", "outcome"),
    )
    readonly_fields = fields

    @display(description="Credits")
    def credits(self, proposal: Proposal) -> str:
        return amount(proposal.amount)

    @display(description="State")
    def state(self, proposal: Proposal) -> str:
        return "Waited too long" if proposal.state == "expired" else proposal.get_status_display()

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """While it waits: another person approves or refuses, who proposed it withdraws."""
        found: Sequence[Any] = super().get_actions_detail(request, object_id)
        proposal = waiting().filter(pk=object_id).first()
        if proposal is None:
            return []
        own = proposal.proposer_id == request.user.pk
        return [one for one in found if not own or "refuse" in one.action_name]

    def has_deciding_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_POST)

    @action(description="Approve", url_path="approve", icon="check", permissions=["deciding"])
    def approve(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; credits move by its POST."""
        return self._decide(request, object_id, approving=True)

    @action(description="Refuse or withdraw", url_path="refuse", icon="close", permissions=["deciding"])
    def refuse(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; the proposal ends by its POST."""
        return self._decide(request, object_id, approving=False)

    def _decide(self, request: HttpRequest, object_id: Any, *, approving: bool) -> HttpResponse:
        if not self.has_deciding_permission(request):
            raise PermissionDenied
        proposal = Proposal.objects.select_related("workspace").filter(pk=object_id).first()
        if proposal is None:
            raise Http404
        act, by = approve if approving else refuse, cast(User, request.user)
        return action_page(
            self,
            request,
            form=ReasonForm(request.POST or None),
            title=f"{'Approve' if approving else 'Refuse or withdraw'}: {proposal.summary}",
            intro="It is posted at once, as things stand now." if approving else "Nothing is posted.",
            facts=_facts(proposal),
            apply=lambda data: act(proposal.pk, by=by, why=data["reason"], request=request),
            back=reverse("admin:foundation_proposal_change", args=[proposal.pk]),
            button="Approve and post" if approving else "Let it be",
        )


def _facts(proposal: Proposal) -> Facts:
    now = balance(proposal.workspace_id)
    return [
        ("Workspace", f"{proposal.workspace} ({proposal.workspace.public_id})"),
        ("What", proposal.summary),
        *_said(proposal.values),
        ("Why", proposal.reason),
        ("Proposed by", f"{proposal.proposer_label}, {proposal.created_at:%Y-%m-%d %H:%M} UTC"),
        ("Waits until", f"{proposal.expires_at:%Y-%m-%d %H:%M} UTC"),
        ("Available now", amount(now.available)),
        ("On hold now", amount(now.held)),
        ("Owed now", amount(now.debt)),
    ]


def _said(values: dict[str, Any]) -> Facts:
    """What else the form said: the label, the source, until when, which lot or entry."""
    known = {name: value for name, value in values.items() if name not in ("key", "reason", "amount", "what")}
    return [(name.replace("_", " ").capitalize(), str(value) or "–") for name, value in known.items()]
