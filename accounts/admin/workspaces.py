"""Workspaces. Every write goes through the services, so plans start, the audit sees it and an owner remains."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from accounts.errors import Refused
from accounts.models import Invitation, Membership, Project, User, Workspace
from accounts.roles import Role
from accounts.services.members import member_add, member_remove, member_role_change
from accounts.services.workspaces import (
    MOST_REQUESTS,
    TIME_ZONES,
    workspace_create,
    workspace_terms_set,
    workspace_update,
)


class WorkspaceAdminForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Workspace
        fields = ["name", "external_id", "time_zone", "usage_write_allowed", "rate_limit"]
        help_texts = {
            "usage_write_allowed": "Its own keys may record usage and hold credits: it writes its own bill.",
            "rate_limit": "For all keys of the workspace together, beside each key’s own limit. Empty: no such limit. "
            "Service keys are not counted, so what happened can always be reported.",
        }

    def clean_rate_limit(self) -> int | None:
        rate_limit: int | None = self.cleaned_data["rate_limit"]
        if rate_limit is not None and not 1 <= rate_limit <= MOST_REQUESTS:
            raise ValidationError(f"Use a limit between 1 and {MOST_REQUESTS:,} requests a minute, or none.")
        return rate_limit

    def clean_time_zone(self) -> str:
        time_zone: str = self.cleaned_data["time_zone"]
        if time_zone not in TIME_ZONES:
            raise ValidationError("Not a known time zone; use a name such as Europe/Berlin.")
        return time_zone


class MemberFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    def clean(self) -> None:
        super().clean()
        if not self.initial_forms:
            return
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        had_owner = any(form.initial.get("role") == Role.OWNER for form in self.initial_forms)
        if had_owner and not any(data.get("role") == Role.OWNER for data in kept):
            raise ValidationError("A workspace needs an owner.")


class MemberInline(TabularInline):
    model = Membership
    formset = MemberFormSet
    extra = 0
    fields = ("user", "role", "last_seen_at", "created_at")
    readonly_fields = ("last_seen_at", "created_at")
    autocomplete_fields = ("user",)
    verbose_name = "member"
    verbose_name_plural = "members"


@admin.register(Workspace)
class WorkspaceAdmin(ModelAdmin):
    form = WorkspaceAdminForm
    list_display = ("name", "public_id", "external_id", "time_zone", "usage_write_allowed", "rate_limit", "created_at")
    list_filter = ("usage_write_allowed", "created_at")
    search_fields = ("name", "public_id", "external_id", "members__email")
    readonly_fields = ("public_id", "created_at")
    terms = ("external_id", "time_zone", "usage_write_allowed", "rate_limit")
    fields = ("name", "public_id", *terms, "created_at")
    inlines = (MemberInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Workspace | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def get_fields(self, request: HttpRequest, obj: Workspace | None = None) -> tuple[str, ...]:
        return self.fields if obj else ("name", *self.terms)

    def has_delete_permission(self, request: HttpRequest, obj: Workspace | None = None) -> bool:
        return False  # its ledger is kept

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:
        data, actor = form.cleaned_data, cast(User, request.user)
        terms = {name: data[name] for name in ("external_id", "usage_write_allowed", "rate_limit")}
        named = {"name": data["name"], "time_zone": data["time_zone"]}
        if change:
            workspace_update(workspace=obj, by=actor, request=request, **named)
            workspace_terms_set(workspace=obj, by=actor, request=request, **terms)
        else:
            created = workspace_create(owner=None, actor=actor, request=request, **named, **terms)
            obj.__dict__.update(created.__dict__)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model is not Membership:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)
        actor = cast(User, request.user)
        # New people and new owners first, so that an owner remains at every step.
        for member in formset.new_objects:
            member_add(workspace=form.instance, user=member.user, role=member.role, actor=actor, request=request)
        changed = [member for member, _fields in formset.changed_objects]
        for member in sorted(changed, key=lambda m: m.role != Role.OWNER):
            with _shown(request):
                member_role_change(membership=member, role=member.role, by=None, actor=actor, request=request)
        for member in formset.deleted_objects:
            with _shown(request):
                member_remove(membership=member, by=None, actor=actor, request=request)


@contextmanager
def _shown(request: HttpRequest) -> Iterator[None]:
    """Say a refusal on the page instead of failing it; only a race with the workspace's own owners gets here."""
    try:
        yield
    except Refused as refused:
        messages.error(request, refused.message)


class ReadOnly(ModelAdmin):
    """For looking only."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Invitation)
class InvitationAdmin(ReadOnly):
    list_display = ("email", "workspace", "role", "sent_at", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("workspace",)
    search_fields = ("email", "workspace__name")
    exclude = ("token_digest",)


@admin.register(Project)
class ProjectAdmin(ReadOnly):
    list_display = ("name", "slug", "workspace", "created_at", "archived_at")
    list_select_related = ("workspace",)
    search_fields = ("name", "slug", "workspace__name")
