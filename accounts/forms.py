"""Parsing what people type. The rules themselves are in the services."""

from datetime import datetime, time
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import Project, User, Workspace
from accounts.roles import Role
from accounts.scopes import Scope
from accounts.services.workspaces import TIME_ZONES

SCOPE_LABELS = {
    Scope.USAGE_READ: "usage:read: see usage, receipts and prices, ask for estimates",
    Scope.USAGE_WRITE: "usage:write: record usage, which is charged, and hold credits for it",
    Scope.BILLING_READ: "billing:read: see balance, lots and the ledger",
    Scope.BILLING_WRITE: "billing:write: buy credits, change plan and alerts",
}


class Checkboxes(forms.CheckboxSelectMultiple):
    template_name = "forms/checkboxes.html"


class ServiceForm(forms.Form):
    """A form whose service may refuse: `refuse` puts the reason at its field."""

    def refuse(self, refused: Refused) -> None:
        self.add_error(refused.field if refused.field in self.fields else None, refused.message)


def time_zone_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=[(zone, zone.replace("_", " ")) for zone in sorted(TIME_ZONES, key=lambda z: (z != "UTC", z))],
        initial="UTC",
        help_text="“Today” and “this month” are counted in it.",
    )


class WorkspaceForm(ServiceForm):
    name = forms.CharField(max_length=120, help_text="Your company, team or product. Everyone in it sees it.")
    time_zone = time_zone_field()


class SignupExtra(forms.Form):
    """Asked besides address and password (settings.ACCOUNT_SIGNUP_FORM_CLASS)."""

    name = forms.CharField(
        max_length=120,
        required=False,
        label="Your name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def signup(self, request: HttpRequest, user: User) -> None:
        user.name = " ".join(self.cleaned_data["name"].split())
        user.save(update_fields=["name"])


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["name"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
        help_texts = {"name": "Shown to the other members of your workspaces."}


class InviteForm(ServiceForm):
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField()

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField, self.fields["role"])
        field.choices = [(role.value, role.label) for role in roles]
        field.initial = Role.MEMBER.value


class ProjectForm(ServiceForm):
    name = forms.CharField(max_length=120)


class KeyForm(ServiceForm):
    name = forms.CharField(max_length=120, help_text="Where it will be used: “production backend”, “Mira’s laptop”.")
    project = forms.ModelChoiceField(
        Project.objects.none(),
        required=False,
        empty_label="No project",
        help_text="Everything this key records is booked to the project.",
    )
    scopes = forms.MultipleChoiceField(widget=Checkboxes, label="What it may do")
    rate_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="Requests a minute. Empty: the site’s limit.",
    )
    expires_on = forms.DateField(
        required=False,
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="It works through this day. Empty: until it is revoked.",
    )

    def __init__(self, *args: Any, workspace: Workspace, scopes: list[Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        project = cast("forms.ModelChoiceField[Project]", self.fields["project"])
        choice = cast(forms.MultipleChoiceField, self.fields["scopes"])
        project.queryset = Project.objects.filter(workspace=workspace, archived_at=None)
        if not project.queryset.exists():  # no choice to offer
            del self.fields["project"]
        choice.choices = [(scope.value, SCOPE_LABELS[scope]) for scope in scopes]
        choice.initial = [Scope.USAGE_READ.value]

    def refuse(self, refused: Refused) -> None:
        field = "expires_on" if refused.field == "expires_at" else refused.field
        super().refuse(Refused(refused.message, field=field))

    def expires_at(self) -> datetime | None:
        """The end of the last day, in the workspace's time zone."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        return timezone.make_aware(datetime.combine(day, time.max), ZoneInfo(self.workspace.time_zone))
