"""Parsing what people type. The rules themselves are in the services."""

from typing import Any, cast

from django import forms
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import User
from accounts.roles import Role
from accounts.services.workspaces import TIME_ZONES


class Checkboxes(forms.CheckboxSelectMultiple):
    template_name = "forms/checkboxes.html"


class Radios(forms.RadioSelect):
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
