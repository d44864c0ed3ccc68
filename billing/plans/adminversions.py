"""Versions of plans: a draft is changed until it is published; a published one never is."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from accounts.models import User
from billing.credits.units import credits
from billing.foundation.adminforms import ReasonForm, SeenForm, action_page, reason_field
from billing.foundation.adminlists import FewFilter
from billing.foundation.desk.once import once
from billing.foundation.offeradmin import as_customer
from billing.foundation.seen import SeenChanged, facts_digest
from billing.invoices.money import money_text
from billing.plans.models import Interval, Plan, PlanVersion, Subscription
from billing.plans.moving import move_preview, version_move
from billing.plans.publishing import draft_delete, draft_save, version_problems, version_publish
from billing.plans.scheduling import version_schedule, version_unschedule
from billing.plans.selectors import version_to_follow
from billing.plans.shown import version_facts
from billing.plans.subscribing.cards import card_of
from billing.plans.subscribing.choices import offer_of
from billing.plans.versionforms import PlanVersionForm, written


class ScheduleForm(SeenForm):
    publish_at = forms.SplitDateTimeField(
        label="Publish at", widget=UnfoldAdminSplitDateTimeWidget, help_text="UTC. Changing the draft takes it back."
    )


class MoveForm(SeenForm):
    reason = reason_field("Kept in the audit log of each customer.")


class PlanVersionAdmin(ModelAdmin):
    form = PlanVersionForm
    list_display = (
        "plan",
        "number",
        "state",
        "price",
        "price_a_year",
        "credits_a_month",
        "rollover_months",
        "customers",
    )
    list_filter = (("plan", FewFilter),)
    list_select_related = ("plan",)
    actions_detail = ("publish", "schedule", "unschedule", "preview", "move")
    save_as = True  # what was typed when the version was published meanwhile is not lost

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanVersion]:
        found: QuerySet[PlanVersion] = super().get_queryset(request)
        current = Subscription.objects.filter(version=OuterRef("pk"), ended_at=None).order_by()
        counted = current.values("version").annotate(count=Count("pk")).values("count")
        return found.annotate(customer_count=Coalesce(Subquery(counted), 0))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Of which plan comes first: the form begins with what its newest version is."""
        if request.method == "POST" or request.GET.get("plan"):
            page: HttpResponse = super().add_view(request, form_url, extra_context)
            return page
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Of which plan is it a new version?",
            "plans": [(plan, version_to_follow(plan.pk)) for plan in Plan.objects.all()],
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/plan_version_of.html", context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = super().get_changeform_initial_data(request)
        plan = request.GET.get("plan", "")
        newest = version_to_follow(int(plan)) if plan.isdecimal() and len(plan) < 10 else None
        return (written(newest) if newest else {}) | found

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if "_saveasnew" in request.POST and object_id is not None and object_id.isdecimal():
            # The page of a version does not send its plan, which never changes.
            plan = PlanVersion.objects.filter(pk=object_id).values_list("plan", flat=True).first()
            given = request.POST.copy()
            given.setdefault("plan", str(plan or ""))
            request.POST = given  # type: ignore[assignment]
        page: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        return page

    def _is_draft(self, request: HttpRequest, obj: PlanVersion | None) -> bool:
        """Or was one when its page was opened: whoever sends it sees what they typed again, and why it is not saved."""
        return obj is None or obj.published_at is None or request.method == "POST"

    def has_change_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        return self._is_draft(request, obj) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        draft = obj is not None and obj.published_at is None
        return draft and bool(super().has_delete_permission(request, obj))

    def get_fields(self, request: HttpRequest, obj: PlanVersion | None = None) -> Any:
        return (
            PlanVersionForm.Meta.fields if self._is_draft(request, obj) else ("plan", "number", "published_at", "says")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: PlanVersion | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("plan",) if self._is_draft(request, obj) else ("says",)

    @display(description="State", label={"published": "success", "draft": "info", "scheduled": "warning"})
    def state(self, version: PlanVersion) -> tuple[str, str]:
        if version.published_at is not None:
            return "published", "published"
        if version.publish_at is not None:
            return "scheduled", f"from {version.publish_at:%-d %b %Y, %H:%M}"
        return "draft", "draft"

    @display(description="Price a month")
    def price(self, version: PlanVersion) -> str:
        return money_text(version.monthly_price_cents, "usd")

    @display(description="Price a year")
    def price_a_year(self, version: PlanVersion) -> str:
        return "–" if version.yearly_price_cents is None else money_text(version.yearly_price_cents, "usd")

    @display(description="Credits a month")
    def credits_a_month(self, version: PlanVersion) -> str:
        return f"{credits(version.monthly_credits):,f}"

    @display(description="What it says")
    def says(self, version: PlanVersion) -> str:
        """Of a published version, as customers read it: amounts in credits and dollars."""
        facts = version_facts(version, list(version.credit_tiers.all()))
        return format_html_join("", "<p><strong>{}</strong>: {}</p>", facts)

    @display(description="Customers on it")
    def customers(self, version: PlanVersion) -> str:
        count: int = version.customer_count  # type: ignore[attr-defined]
        address = reverse("admin:plans_subscription_changelist")
        return format_html('<a href="{}?version__id__exact={}&ended_at__isempty=1">{}</a>', address, version.pk, count)

    def save_model(self, request: HttpRequest, obj: PlanVersion, form: Any, change: bool) -> None:
        scheduled = PlanVersion.objects.filter(pk=obj.pk, publish_at__isnull=False).exists()
        actor = cast(User, request.user)
        draft_save(version=obj, credit_tiers=form.cleaned_data["credit_tiers"], actor=actor, request=request)
        if scheduled:
            messages.warning(request, "It was changed, so it is not published by itself any more: schedule it again.")

    def delete_model(self, request: HttpRequest, obj: PlanVersion) -> None:
        draft_delete(obj.pk)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            page: HttpResponse = super().delete_view(request, object_id, extra_context)
        except ValidationError as error:
            for problem in error.messages:
                messages.error(request, problem)
            return redirect("admin:plans_planversion_changelist")
        return page

    # Actions

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """A draft can be published; from a version that is not the newest one customers can be moved."""
        found = super().get_actions_detail(request, object_id)
        version = PlanVersion.objects.filter(pk=object_id).first()
        if version is None:
            return []
        left_out = {"move"} if version.published_at is None or move_preview(version) is None else set()
        left_out |= {"publish", "schedule"} if version.published_at is not None else set()
        left_out |= {"unschedule"} if version.publish_at is None else {"schedule"}
        return [each for each in found if not any(each.action_name.endswith(f"_{name}") for name in left_out)]

    def has_publishing_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("plans.add_planversion")

    @action(description="Publish", url_path="publish", icon="publish", permissions=["publishing"])
    def publish(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        version = self._version(request, object_id)
        tiers = list(version.credit_tiers.all())
        problems = version_problems(version, tiers)

        facts = version_facts(version, tiers)
        form = SeenForm(request.POST or None, digest=facts_digest(facts))

        def apply(data: dict[str, Any]) -> str:
            try:
                actor = cast(User, request.user)
                published = version_publish(version=version, actor=actor, request=request, seen=data["seen"])
            except SeenChanged:
                form.look_again()
                raise
            return f"{published} is published: whoever begins with the plan from now on gets it."

        intro = "This is what customers see. A published version never changes, and whoever has an older one keeps it."
        return action_page(
            self,
            request,
            form=form,
            title=f"Publish {version}",
            intro=" ".join([intro, *(f"It cannot be published yet: {problem}" for problem in problems)]),
            facts=facts,
            apply=apply,
            back=reverse("admin:plans_planversion_change", args=[version.pk]),
            button="Publish",
        )

    @action(description="Publish at a time", url_path="schedule", icon="schedule", permissions=["publishing"])
    def schedule(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        version = self._version(request, object_id)
        tiers = list(version.credit_tiers.all())
        problems = version_problems(version, tiers)
        facts = version_facts(version, tiers)
        form = ScheduleForm(request.POST or None, digest=facts_digest(facts))

        def apply(data: dict[str, Any]) -> str:
            actor, at = cast(User, request.user), data["publish_at"]

            def act() -> str:
                version_schedule(version=version, at=at, seen=data["seen"], actor=actor, request=request)
                return f"{version} is published on {at:%-d %B %Y at %H:%M} UTC, as it is now."

            try:
                return once(act, action="plan_version.schedule", target=str(version.pk), by=actor, data=data)
            except SeenChanged:
                form.look_again()
                raise

        intro = "From then on this is what customers see. Whoever has an older version keeps it."
        return action_page(
            self,
            request,
            form=form,
            title=f"Publish {version} at a time",
            intro=" ".join([intro, *(f"It cannot be published yet: {problem}" for problem in problems)]),
            facts=facts,
            apply=apply,
            back=reverse("admin:plans_planversion_change", args=[version.pk]),
            button="Schedule",
        )

    @action(description="Take its time back", url_path="unschedule", icon="event_busy", permissions=["publishing"])
    def unschedule(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        version = self._version(request, object_id)
        if version.publish_at is None and request.method != "POST":
            raise Http404
        at = f"{version.publish_at:%-d %B %Y, %H:%M} UTC" if version.publish_at else "–"

        def apply(data: dict[str, Any]) -> str:
            actor, reason = cast(User, request.user), data["reason"]

            def act() -> str:
                done = version_unschedule(version=version, actor=actor, reason=reason, request=request)
                return f"{version} stays a draft." if done else f"{version} was not to be published at a time any more."

            return once(act, action="plan_version.unschedule", target=str(version.pk), by=actor, data=data)

        return action_page(
            self,
            request,
            form=ReasonForm(request.POST or None),
            title=f"Do not publish {version} by itself",
            intro="It stays a draft until somebody publishes it.",
            facts=[("Would be published", at), ("As decided by", version.publish_by or "–")],
            apply=apply,
            back=reverse("admin:plans_planversion_change", args=[version.pk]),
            button="Keep it a draft",
        )

    @action(description="As a customer sees it", url_path="preview", icon="visibility")
    def preview(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        version = self._version(request, object_id)
        offer = offer_of(version)
        intervals = [Interval.MONTH, Interval.YEAR] if offer.by_year else [Interval.MONTH]
        context = {
            "cards": [(interval.value, card_of(offer, interval, None)) for interval in intervals],
            "facts": version_facts(version, offer.tiers),
        }
        back = reverse("admin:plans_planversion_change", args=[version.pk])
        return as_customer(request, "plans/preview.html", context, title=str(version), back=back)

    @action(description="Move customers to the newest", url_path="move", icon="upgrade", permissions=["publishing"])
    def move(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        version = self._version(request, object_id)
        found = move_preview(version)
        if found is None:
            raise Http404
        facts = [("To", str(found.target)), ("Customers that are moved", f"{found.moved:,}")]
        facts += [(f"Stay, because {reason}", f"{count:,}") for reason, count in found.stay.items()]
        facts += [(what, f"{before} → {after}") for what, before, after in found.changes]

        # How many they are changes all the time, and each is looked at anew. The target decides what they get.
        form = MoveForm(request.POST or None, digest=facts_digest(found.target.pk, found.changes))

        def apply(data: dict[str, Any]) -> str:
            if data["seen"] != form.digest:
                form.look_again()
                raise SeenChanged
            done = version_move(
                version=version,
                target=found.target,
                reason=data["reason"],
                actor=cast(User, request.user),
                request=request,
            )
            if done.failed:
                raise ValidationError(f"{done.moved} customers were moved; {done.failed} could not be, see the log.")
            return f"{done.moved} customers were moved to {found.target}."

        return action_page(
            self,
            request,
            form=form,
            title=f"Move customers of {version}",
            intro="What is included ends now and that of the newest version begins; credits they have stay to their"
            " dates, and the next month's are the newest version's. Nobody is charged."
            " Automatic upgrades are switched off, to be agreed to anew.",
            facts=facts,
            apply=apply,
            back=reverse("admin:plans_planversion_change", args=[version.pk]),
            button="Move",
        )

    def _version(self, request: HttpRequest, object_id: Any) -> PlanVersion:
        if not self.has_view_permission(request):
            raise PermissionDenied
        version = PlanVersion.objects.select_related("plan").filter(pk=object_id).first()
        if version is None:
            raise Http404
        return version
