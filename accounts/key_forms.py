"""Forms of API keys: making one, changing one, rotating one."""

from datetime import datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from accounts.errors import Refused
from accounts.forms import Checkboxes, ServiceForm
from accounts.models import ApiKey, Project, Workspace
from accounts.scopes import Scope
from accounts.services.key_changes import GRACES
from accounts.services.keys import MOST_REQUESTS

SCOPE_LABELS = {
    Scope.USAGE_READ: "usage:read: see usage, receipts and prices, ask for estimates",
    Scope.USAGE_WRITE: "usage:write: record usage, which is charged, and hold credits for it",
    Scope.BILLING_READ: "billing:read: see balance, lots and the ledger",
    Scope.BILLING_WRITE: "billing:write: buy credits, change plan and alerts",
}
LIVES = [("", "Until it is revoked"), ("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year")]
AS_BEFORE = "as before"
GRACE_LABELS = ("Not at all: it ends at once", "1 hour", "24 hours", "7 days")


class ProjectChoice(ServiceForm):
    """The part about the project, left out where there is none to choose."""

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        project = cast("forms.ModelChoiceField[Project]", self.fields["project"])
        project.queryset = Project.objects.filter(workspace=workspace, archived_at=None)
        if not project.queryset.exists():
            del self.fields["project"]


def name_field() -> forms.CharField:
    return forms.CharField(max_length=120, help_text="Where it will be used: “production backend”, “Mira’s laptop”.")


def project_field() -> "forms.ModelChoiceField[Project]":
    return forms.ModelChoiceField(
        Project.objects.none(),
        required=False,
        empty_label="No project",
        help_text="Everything this key records is booked to the project.",
    )


def rate_limit_field() -> forms.IntegerField:
    return forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_REQUESTS,
        help_text="Requests a minute. Empty: the usual limit.",
    )


class Expiry(forms.Form):
    """A life to choose, or a last day; not both."""

    life = forms.ChoiceField(choices=LIVES, required=False, label="Works for")
    expires_on = forms.DateField(
        required=False,
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="It works through this day. Empty: as chosen above.",
    )

    def clean(self) -> None:
        super().clean()
        if self.cleaned_data.get("life") and self.cleaned_data.get("expires_on"):
            self.add_error("expires_on", "Choose a time above or a day here, not both.")

    def expires_at(self, zone: str) -> datetime | None:
        """After the chosen life, or at the end of the last day in time zone `zone`."""
        if life := self.cleaned_data["life"]:
            return timezone.now() + timedelta(days=int(life))
        if day := self.cleaned_data["expires_on"]:
            return timezone.make_aware(datetime.combine(day, time.max), ZoneInfo(zone))
        return None


class KeyForm(Expiry, ProjectChoice):
    name = name_field()
    project = project_field()
    scopes = forms.MultipleChoiceField(widget=Checkboxes, label="What it may do")
    rate_limit = rate_limit_field()

    field_order = ("name", "project", "scopes", "rate_limit", "life", "expires_on")

    def __init__(self, *args: Any, scopes: list[Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = cast(forms.MultipleChoiceField, self.fields["scopes"])
        choice.choices = [(scope.value, SCOPE_LABELS[scope]) for scope in scopes]
        choice.initial = [Scope.USAGE_READ.value]

    def refuse(self, refused: Refused) -> None:
        field = "expires_on" if refused.field == "expires_at" else refused.field
        super().refuse(Refused(refused.message, field=field))


class KeySettingsForm(ProjectChoice):
    name = name_field()
    project = project_field()
    rate_limit = rate_limit_field()


class RotateForm(ServiceForm):
    grace = forms.ChoiceField(
        choices=[(str(n), label) for n, label in enumerate(GRACE_LABELS)],
        initial="2",
        label="How long the old key goes on working",
        help_text="Time to put the new key where the old one is used.",
    )
    life = forms.ChoiceField(required=False, label="How long the new key works")

    def __init__(self, *args: Any, key: ApiKey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = key.expires_at - key.created_at if key.expires_at else None
        life = cast(forms.ChoiceField, self.fields["life"])
        life.choices = LIVES
        if self.before is not None:
            days = max(1, round(self.before / timedelta(days=1)))
            life.choices = [(AS_BEFORE, f"As long as this one was made for: {days} day{'s'[: days != 1]}"), *LIVES]
            life.initial = AS_BEFORE

    @property
    def grace_time(self) -> timedelta:
        return GRACES[int(self.cleaned_data["grace"])]

    def expires_at(self) -> datetime | None:
        life = self.cleaned_data["life"]
        if life == AS_BEFORE and self.before is not None:
            return timezone.now() + self.before
        return timezone.now() + timedelta(days=int(life)) if life else None
