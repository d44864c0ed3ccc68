"""A person's data, taken along or erased by staff when the person asks for it elsewhere than on the pages."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.errors import Refused
from accounts.models import User
from billing.foundation.adminforms import ActionForm, action_page, checked_field, reason_field
from portal.admin.extending import extend
from portal.persons.erase import hindrances, person_erase
from portal.persons.views import file_of

MAY_EXPORT, MAY_ERASE = "accounts.change_user", "accounts.delete_user"


class ExportForm(ActionForm):
    kind = forms.ChoiceField(
        label="As", choices=[("json", "JSON"), ("csv", "CSV files (ZIP)")], widget=UnfoldAdminSelectWidget
    )
    reason = reason_field("How you know that the person asks for it. Kept in the audit log.")


class EraseForm(ActionForm):
    address = forms.CharField(
        label="E-mail address of the person",
        widget=UnfoldAdminTextInputWidget,
        help_text="Type it, so that nobody else is erased by mistake.",
    )
    reason = reason_field("How you know that the person asks for it. Kept in the audit log.")
    confirmed = checked_field("I know that this cannot be undone")


class DataOfPerson:
    """Mixed in front of the people's admin."""

    actions_detail = ("export_data", "erase")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        found: Sequence[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [] if User.objects.filter(pk=object_id, erased_at__isnull=False).exists() else found

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody opens again what was erased."""
        gone = obj is not None and obj.erased_at is not None
        return not gone and bool(super().has_change_permission(request, obj))  # type: ignore[misc]

    def has_export_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_EXPORT)

    def has_erase_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_ERASE)

    @action(description="Export data", url_path="data", icon="download", permissions=["export"])
    def export_data(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; its POST makes the file, which is an entry of the audit."""
        person, form = _person(request, object_id, MAY_EXPORT), ExportForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            return file_of(person, given["kind"], by=cast(User, request.user), request=request, reason=given["reason"])
        return action_page(
            self,
            request,
            form=form,
            title=f"Everything about {person}",
            intro="Profile, addresses, sessions, memberships, agreements, messages and audit entries. No passwords, "
            "keys or codes. Give the file to the person only.",
            facts=[("Person", person.email)],
            apply=lambda _: "",
            back=_page(person),
            button="Make the file",
        )

    @action(description="Erase", url_path="erase", icon="person_off", permissions=["erase"])
    def erase(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; the person is gone by its POST."""
        person = _person(request, object_id, MAY_ERASE)
        if problems := hindrances(person):
            for problem in problems:
                messages.error(request, f"{person.email} cannot be erased now. {problem}")
            return redirect(_page(person))
        return action_page(
            self,
            request,
            form=EraseForm(request.POST or None),
            title=f"Erase {person}",
            intro="Name, addresses, sessions, second factors and memberships go, as do messages that only they got. "
            "Ledger, documents and audit log stay. The person gets a last message that says so.",
            facts=[
                ("Person", f"{person} ({person.email})"),
                ("Workspaces they leave", f"{person.memberships.count():,}"),
            ],
            apply=lambda data: _erase(person, data, request),
            back=_page(person),
            button="Erase for good",
        )


def _erase(person: User, data: dict[str, Any], request: HttpRequest) -> str:
    if data["address"].strip().lower() != person.email.lower():
        raise ValidationError({"address": f"This is not {person.email}."})
    try:
        person_erase(user=person, by=cast(User, request.user), reason=data["reason"], request=request)
    except Refused as refused:
        raise ValidationError(refused.message) from None
    return "The person was erased. Their account stays as an empty shell, so that what they did can be told."


def _person(request: HttpRequest, object_id: Any, permission: str) -> User:
    if not request.user.has_perm(permission):
        raise PermissionDenied
    found = User.objects.filter(pk=object_id).first()
    if found is None:
        raise Http404
    # What nobody but a superuser may change, nobody else takes along either.
    if (found.is_staff or found.is_superuser) and not cast(User, request.user).is_superuser:
        raise PermissionDenied
    return found


def _page(person: User) -> str:
    return reverse("admin:accounts_user_change", args=[person.pk])


extend(User, DataOfPerson)
