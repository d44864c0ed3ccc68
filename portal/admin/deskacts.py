"""What staff do for a customer from its page: suspend and resume, look at its pages, write a note."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts import viewing
from accounts.errors import Refused
from accounts.models import Membership, User, Workspace
from accounts.services.suspension import workspace_resume, workspace_suspend
from billing.credits import clock
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.adminforms import ActionForm, ReasonForm, action_page
from billing.foundation.audit.services import record
from billing.foundation.desk.models import StaffNote
from billing.foundation.desk.once import once

MAY_SUSPEND = "accounts.suspend_workspace"
MAY_NOTE = "foundation.add_staffnote"
MAY_WITHDRAW = "foundation.change_staffnote"
SUSPENDED = (
    "Estimates and authorisations are refused with workspace_suspended, its pages are for reading only and say whom to"
    " ask, automatic top-ups and upgrades pause. What happened is still recorded, holds can still be settled, and its"
    " plan goes on. The customer does not read the reason."
)
RESUMED = (
    "New requests go through again at once (in other processes within five seconds), and its pages can be used as"
    " before."
)


class NoteForm(ActionForm):
    text = forms.CharField(
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        help_text="For staff; customers never see it. It cannot be changed, only replaced or withdrawn with a trace.",
    )


def desk_url(workspace: Workspace) -> str:
    return reverse("workspace-desk", args=[workspace.pk])


def _must(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _found(object_id: Any) -> Workspace:
    workspace = Workspace.objects.filter(pk=object_id).first()
    if workspace is None:
        raise Http404
    return workspace


class DeskActions:
    """Mixed in front of the workspaces' admin. The links only open forms; their POSTs do something."""

    def has_suspending_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_SUSPEND)

    def has_viewing_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(viewing.PERMISSION)

    def has_noting_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_NOTE)

    @action(description="The customer at a glance", url_path="desk", icon="dashboard")
    def desk(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        return redirect(desk_url(_found(object_id)))

    @action(description="Suspend", url_path="suspend", icon="block", permissions=["suspending"])
    def suspend(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        return self._suspension(request, object_id, ending=False)

    @action(description="Resume", url_path="resume", icon="play_arrow", permissions=["suspending"])
    def resume(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        return self._suspension(request, object_id, ending=True)

    def _suspension(self, request: HttpRequest, object_id: Any, *, ending: bool) -> HttpResponse:
        _must(request, MAY_SUSPEND)
        workspace, by = _found(object_id), cast(User, request.user)

        def apply(data: dict[str, Any]) -> str:
            return suspension_set(workspace=workspace, ending=ending, data=data, by=by, request=request)

        return action_page(
            self,
            request,
            form=ReasonForm(request.POST or None),
            title=f"{'Resume' if ending else 'Suspend'} {workspace}",
            intro=RESUMED if ending else SUSPENDED,
            facts=[("Workspace", f"{workspace} ({workspace.public_id})"), ("State", _state(workspace))],
            apply=apply,
            back=desk_url(workspace),
            button="Resume" if ending else "Suspend",
        )

    @action(description="View as customer", url_path="view-as", icon="visibility", permissions=["viewing"])
    def view_as(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        _must(request, viewing.PERMISSION)
        workspace, by = _found(object_id), cast(User, request.user)

        def apply(data: dict[str, Any]) -> str:
            if Membership.objects.filter(workspace=workspace, user=by).exists():
                raise ValidationError("You are a member of this workspace yourself: open it as you always do.")

            def act() -> str:
                viewing.begin(request, workspace, reason=data["reason"])
                return f"You see {workspace} as its owner does, for 30 minutes."

            return once(act, action="workspace.view", target=workspace.public_id, by=by, data=data)

        def back() -> str:
            """Its pages are open to who looks; a form that is sent again, or left, begins no look."""
            looking = request.method == "POST" and viewing.of(request, workspace.public_id)
            return workspace.get_absolute_url() if looking else desk_url(workspace)

        return action_page(
            self,
            request,
            form=ReasonForm(request.POST or None),
            title=f"View {workspace} as the customer",
            intro="You see the pages of this workspace as its owner does, for 30 minutes and for reading only. You stay"
            " signed in as yourself. That you look, and why, is kept in the audit log.",
            facts=[("Workspace", f"{workspace} ({workspace.public_id})")],
            apply=apply,
            back=back,
            button="Look",
        )

    @action(description="Add a note", url_path="note", icon="note_add", permissions=["noting"])
    def note(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        _must(request, MAY_NOTE)
        workspace = _found(object_id)
        number = request.GET.get("replaces", "")
        old = _standing(workspace, int(number)) if number.isdecimal() and len(number) < 19 else None
        if number and old is None:
            raise Http404
        by = cast(User, request.user)
        return action_page(
            self,
            request,
            form=NoteForm(request.POST or None, initial={"text": old.text} if old else {}),
            title=f"{'Edit a' if old else 'A'} note on {workspace}",
            apply=lambda data: note_write(workspace=workspace, old=old, data=data, by=by, request=request),
            back=desk_url(workspace),
            button="Keep it",
        )


def _state(workspace: Workspace) -> str:
    if workspace.suspended_at is None:
        return "not suspended"
    return f"suspended since {workspace.suspended_at:%Y-%m-%d %H:%M} UTC: {workspace.suspended_reason}"


def suspension_set(
    *, workspace: Workspace, ending: bool, data: dict[str, Any], by: User, request: HttpRequest | None
) -> str:
    """Suspend it, or end that; once per form. Raises ValidationError."""

    def act() -> str:
        held = Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # one after the other
        if (held.suspended_at is None) == ending:
            return f"{held} is {'not suspended' if ending else 'suspended already'}; nothing was done twice."
        change = workspace_resume if ending else workspace_suspend
        change(workspace=held, reason=data["reason"], by=by, request=request)
        return f"{held} {'goes on' if ending else 'is suspended'}."

    name = "workspace.resume" if ending else "workspace.suspend"
    try:
        return once(act, action=name, target=workspace.public_id, by=by, data=data)
    except Refused as refused:
        raise ValidationError(refused.message) from refused


def _standing(workspace: Workspace, pk: int) -> StaffNote | None:
    return StaffNote.objects.filter(pk=pk, workspace=workspace, withdrawn_at=None).first()


def note_write(
    *, workspace: Workspace, old: StaffNote | None, data: dict[str, Any], by: User, request: HttpRequest | None
) -> str:
    """A new note, in place of `old` if that is given; once per form. Raises ValidationError."""
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # one after the other
        if StaffNote.objects.filter(key=data["key"]).exists():
            return "That was noted already."
        if old is not None and StaffNote.objects.filter(replaces=old).exists():
            raise ValidationError("Somebody else has replaced this note meanwhile. Look at it again.")
        text = data["text"].replace("\x00", "").strip()
        if not text:
            raise ValidationError("Write something.")
        made = StaffNote.objects.create(
            key=data["key"], workspace=workspace, author=by, author_label=by.email[:200], text=text, replaces=old
        )
        record(
            action="staff_note.replaced" if old else "staff_note.written",
            actor=by,
            workspace=workspace,
            target=f"note {made.pk}",
            before={"note": old.pk} if old else None,
            after={"note": made.pk},
            request=request,
        )
    return "The note is kept."


def note_withdraw(*, note_id: int, why: str, by: User, request: HttpRequest | None) -> str:
    """Take a note off the customer's page; it stays in the list with who did it and why."""
    with transaction.atomic():
        note = StaffNote.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=note_id)
        if note.withdrawn_at is not None:
            return "It was withdrawn before."
        note.withdrawn_at, note.withdrawn_by, note.withdrawn_why = clock.now(), by.email[:200], why
        note.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_why"])
        record(
            action="staff_note.withdrawn",
            actor=by,
            workspace=note.workspace,
            target=f"note {note.pk}",
            reason=why,
            request=request,
        )
    return "The note is withdrawn; the list of notes keeps it."


@admin.register(StaffNote)
class StaffNoteAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "workspace", "author_label", "start", "withdrawn_at")
    list_select_related = ("workspace",)
    search_fields = ("workspace__name", "workspace__public_id", "author_label")
    show_full_result_count = False
    exclude = ("key",)
    ordering = ("-id",)
    actions_detail = ("withdraw",)

    @display(description="Note")
    def start(self, note: StaffNote) -> str:
        return note.text if len(note.text) < 120 else f"{note.text[:119]}…"

    def has_withdrawing_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_WITHDRAW)

    @action(description="Withdraw", url_path="withdraw", icon="delete", permissions=["withdrawing"])
    def withdraw(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; the note is withdrawn by its POST."""
        _must(request, MAY_WITHDRAW)
        note = StaffNote.objects.select_related("workspace").filter(pk=object_id).first()
        if note is None:
            raise Http404
        by = cast(User, request.user)
        return action_page(
            self,
            request,
            form=ReasonForm(request.POST or None),
            title=f"Withdraw a note on {note.workspace}",
            intro="It is taken off the customer’s page. The list of notes keeps it, with who withdrew it and why.",
            facts=[("Note", note.text), ("Written by", f"{note.author_label}, {note.created_at:%Y-%m-%d %H:%M} UTC")],
            apply=lambda data: note_withdraw(note_id=note.pk, why=data["reason"], by=by, request=request),
            back=desk_url(note.workspace),
            button="Withdraw",
        )


@require_POST
def view_as_end(request: HttpRequest) -> HttpResponse:
    """Stop looking at a customer's pages, and go back to its page in the admin."""
    with transaction.atomic():
        workspace = viewing.end(request)
    if workspace is None:
        messages.info(request, "You were not looking at a customer’s pages any more.")
        return redirect("admin:index")
    return redirect(desk_url(workspace))
