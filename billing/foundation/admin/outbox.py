"""The outbox: what was sent to whom, and sending it again."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import action, display

from accounts.models import User
from billing.foundation.admin.bases import ReadOnlyAdmin
from billing.foundation.mail.kinds import KINDS
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import message_send_again, message_send_copy, needs_a_person


class WaitingFilter(admin.SimpleListFilter):
    title = "needs a person"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Failed, or not known to have been sent")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        return queryset.filter(needs_a_person()) if self.value() == "yes" else queryset


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """What was sent to whom and when, and what it says. Not where that is a code or link that signs somebody in."""

    list_display = ("subject", "recipients", "workspace", "kind", "state", "attempts", "created_at", "problem")
    list_filter = (WaitingFilter, "status", "kind", "created_at")
    list_select_related = ("workspace",)
    search_fields = ("to", "subject", "kind", "key", "workspace__name", "workspace__public_id")
    search_help_text = "Address, subject, workspace (name or id), kind or key"
    exclude = ("text", "html")
    readonly_fields = ("as_text", "as_html")
    actions = ("send_again", "send_copy")
    show_full_result_count = False

    @display(description="To")
    def recipients(self, message: OutboxMessage) -> str:
        return ", ".join(message.to)

    @display(
        description="Status", label={"sent": "success", "queued": "info", "sending": "warning", "failed": "danger"}
    )
    def state(self, message: OutboxMessage) -> str:
        return message.status

    @display(description="Problem")
    def problem(self, message: OutboxMessage) -> str:
        return message.last_error[:120]

    @display(description="Text")
    def as_text(self, message: OutboxMessage) -> str:
        if (instead := not_shown(message)) is not None:
            return instead
        return format_html('<pre style="white-space:pre-wrap">{}</pre>', message.text)

    @display(description="HTML")
    def as_html(self, message: OutboxMessage) -> str:
        """In a frame without rights: no script, no form, no link out of it, and an origin of its own."""
        if (instead := not_shown(message)) is not None:
            return instead
        if not message.html:
            return "This mail has text only."
        return format_html(
            '<iframe sandbox="" srcdoc="{}" title="The mail as HTML" loading="lazy"'
            ' style="width:100%;max-width:680px;height:720px;border:1px solid #8886;border-radius:8px"></iframe>',
            message.html,
        )

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("foundation.change_outboxmessage")

    # A list action is a form with a token, unlike a row action, which is a link.
    @action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[OutboxMessage]) -> None:
        ids = list(chosen.values_list("pk", flat=True))
        again = sum(message_send_again(message_id=pk, actor=cast(User, request.user)) for pk in ids)
        if again:
            messages.success(request, f"{again} will be sent again.")
        if len(ids) > again:
            messages.warning(
                request, f"{len(ids) - again} are sent, waiting for their time, or being sent now, and were left alone."
            )

    @action(description="Send a copy to the same people", permissions=["send"])
    def send_copy(self, request: HttpRequest, chosen: QuerySet[OutboxMessage]) -> None:
        ids = list(chosen.values_list("pk", flat=True))
        copies = sum(message_send_copy(message_id=pk, actor=cast(User, request.user)) for pk in ids)
        if copies:
            messages.success(request, f"{copies} will be sent once more.")
        if len(ids) > copies:
            messages.warning(
                request,
                f"{len(ids) - copies} were left alone: not sent yet, without their text, or copied a moment ago.",
            )


def not_shown(message: OutboxMessage) -> str | None:
    """What stands in place of a text that nobody else should read, or that is gone; None where it can be shown."""
    if message.emptied_at is not None:
        return f"The text was deleted on {message.emptied_at:%-d %B %Y}, as the site settings say."
    kind = KINDS.get(message.kind)
    if kind is None or kind.secret:
        return "Not shown: it may hold a code or a link that signs somebody in."
    return None
