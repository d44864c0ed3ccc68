"""Staff see all endpoints and deliveries, and keep the operator's own, which hear of every workspace."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import once
from accounts.errors import Refused
from accounts.forms import Checkboxes
from accounts.models import User
from billing.alerts.webhooks.endpoints import (
    delivery_resend,
    endpoint_create,
    endpoint_delete,
    endpoint_switch,
    secret_rotate,
    send_test,
)
from billing.alerts.webhooks.forms import EVENTS
from billing.alerts.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from billing.foundation.admin import ReadOnlyAdmin

CHANGE = "alerts.change_webhookendpoint"


class SecretForm(forms.Form):
    """Sent twice, it makes one secret."""

    once = forms.CharField(widget=forms.HiddenInput, initial=once.new_nonce, max_length=64)


class OperatorEndpointForm(SecretForm):
    url = forms.CharField(label="Address", max_length=1000, widget=UnfoldAdminTextInputWidget)
    description = forms.CharField(max_length=120, required=False, widget=UnfoldAdminTextInputWidget)
    event_types = forms.MultipleChoiceField(choices=EVENTS, widget=Checkboxes, label="Events")


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    """Customers manage theirs themselves; of those staff can only send a test, and switch them."""

    list_display = ("url", "whose", "state", "failing_since", "attempted_at", "created_at")
    list_filter = ("off", ("workspace", admin.EmptyFieldListFilter))
    search_fields = ("url", "description", "public_id", "workspace__name", "workspace__public_id")
    list_select_related = ("workspace",)
    exclude = ("secret", "former_secret")
    actions = ("test", "switch_on", "switch_off", "rotate", "delete_operators")

    @display(description="Whose")
    def whose(self, endpoint: WebhookEndpoint) -> str:
        return str(endpoint.workspace or "the operator's: all workspaces")

    @display(description="State", label={"On": "success", "Failing": "warning"})
    def state(self, endpoint: WebhookEndpoint) -> str:
        return endpoint.get_off_display() or ("Failing" if endpoint.failing_since else "On")

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("alerts.add_webhookendpoint")

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE)

    def get_urls(self) -> list[Any]:
        rotate = self.admin_site.admin_view(self.rotate_view)
        return [path("<int:pk>/rotate/", rotate, name="alerts_webhookendpoint_rotate"), *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """An endpoint of the operator."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = OperatorEndpointForm(request.POST or None)
        intro = "It hears of every workspace. The payload says of which. Its signing secret is shown once, after this."

        def make() -> str:
            terms = {name: form.cleaned_data[name] for name in ("url", "description", "event_types")}
            return endpoint_create(workspace=None, **terms, by=_who(request), request=request)[1]

        return self._secret_page(request, form, make, title="Add a webhook of the operator", intro=intro, button="Add")

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        endpoint = get_object_or_404(WebhookEndpoint, pk=pk, workspace=None)
        if not self.has_manage_permission(request):
            raise PermissionDenied
        intro = f"A new secret for {endpoint.url}. For 24 hours the one before signs as well."

        def make() -> str:
            return secret_rotate(endpoint=endpoint, by=_who(request), request=request)

        form = SecretForm(request.POST or None)
        return self._secret_page(request, form, make, title="Rotate a secret", intro=intro, button="Rotate secret")

    def _secret_page(
        self, request: HttpRequest, form: SecretForm, make: Callable[[], str], *, title: str, intro: str, button: str
    ) -> HttpResponse:
        """The secret is in the answer to the POST and nowhere else."""
        back = reverse("admin:alerts_webhookendpoint_changelist")
        context = {**self.admin_site.each_context(request), "title": title, "back": back, "opts": self.model._meta}
        template, status = "admin/action.html", 200
        if request.method == "POST" and form.is_valid():
            if once.is_repeat(request):
                messages.warning(request, "That form was already sent. If you missed the secret, rotate it.")
                return redirect(back)
            try:
                context["secret"] = make()
            except Refused as refused:
                once.forget(request)
                form.add_error(refused.field if refused.field in form.fields else None, refused.message)
            else:
                template, status = "webhooks/admin_secret.html", 201
        context |= {"form": form, "intro": intro, "button": button}
        return TemplateResponse(request, template, context, status=status)

    @action(description="Send a test", permissions=["manage"])
    def test(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        self._each(request, chosen, lambda each: bool(send_test(endpoint=each, by=_who(request))), "sent a test")

    @action(description="Switch on", permissions=["manage"])
    def switch_on(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        self._each(request, chosen, lambda each: _switch(each, request, on=True), "switched on")

    @action(description="Switch off", permissions=["manage"])
    def switch_off(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        self._each(request, chosen, lambda each: _switch(each, request, on=False), "switched off")

    @action(description="Rotate the secret (the operator's)", permissions=["manage"])
    def rotate(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> HttpResponse | None:
        mine = chosen.filter(workspace=None)
        if chosen.count() == 1 and (endpoint := mine.first()) is not None:
            return redirect("admin:alerts_webhookendpoint_rotate", endpoint.pk)
        messages.error(request, "Choose one of the operator's. Customers rotate theirs themselves.")
        return None

    @action(description="Delete (the operator's)", permissions=["manage"])
    def delete_operators(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        def delete(endpoint: WebhookEndpoint) -> bool:
            if endpoint.workspace_id is not None:
                raise Refused("Customers delete theirs themselves.")
            endpoint_delete(endpoint=endpoint, by=_who(request), request=request)
            return True

        self._each(request, chosen, delete, "deleted")

    def _each(
        self,
        request: HttpRequest,
        chosen: QuerySet[WebhookEndpoint],
        do: Callable[[WebhookEndpoint], bool],
        done: str,
    ) -> None:
        count = 0
        for endpoint in chosen:
            try:
                count += do(endpoint)
            except Refused as refused:
                messages.warning(request, f"{endpoint}: {refused.message}")
        messages.success(request, f"{count} were {done}.")


class AttemptInline(admin.TabularInline):  # type: ignore[type-arg]
    model = WebhookAttempt
    fields = readonly_fields = ("number", "began_at", "milliseconds", "status_code", "error", "response")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("event", "endpoint", "status", "attempts", "created_at", "next_attempt_at", "delivered_at")
    list_filter = ("status", "event__type")
    search_fields = ("event__public_id", "endpoint__url", "endpoint__workspace__name")
    list_select_related = ("event", "endpoint")
    show_full_result_count = False
    inlines = (AttemptInline,)
    actions = ("resend",)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("alerts.change_webhookdelivery")

    @action(description="Send again", permissions=["resend"])
    def resend(self, request: HttpRequest, chosen: QuerySet[WebhookDelivery]) -> None:
        count = 0
        for delivery in chosen.select_related("event", "endpoint"):
            try:
                delivery_resend(delivery=delivery, by=_who(request), request=request)
                count += 1
            except Refused as refused:
                messages.warning(request, f"{delivery}: {refused.message}")
        messages.success(request, f"{count} are on their way.")


def _who(request: HttpRequest) -> User:
    return cast(User, request.user)


def _switch(endpoint: WebhookEndpoint, request: HttpRequest, *, on: bool) -> bool:
    return endpoint_switch(endpoint=endpoint, on=on, by=_who(request), request=request)
