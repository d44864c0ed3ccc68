"""The admin's base classes, and the pages of the shared ground: audit log, outbox, maintenance."""

from datetime import UTC, datetime, time
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.defaultfilters import truncatechars
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.decorators import action, display
from unfold.utils import parse_date_str

from accounts.models import User
from billing.foundation.audit.diff import changes
from billing.foundation.audit.export import COLUMNS, entries_rows
from billing.foundation.audit.models import AuditEntry
from billing.foundation.audit.services import record
from billing.foundation.csvfile import respond
from billing.foundation.mail.kinds import KINDS
from billing.foundation.maintenance.models import MaintenanceRun
from billing.foundation.maintenance.run import in_words
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import message_send_again, message_send_copy, needs_a_person

# A narrow screen gives each cell a row of one line, and cuts off what is higher.
ONE_LINE = (
    '<span title="{}" style="display:block;max-width:min(24rem,50vw);overflow:hidden;text-overflow:ellipsis;'
    'white-space:nowrap">{}</span>'
)
ENDS = ("from", "to")
HEAD = '<th class="font-semibold pr-6 pb-1 text-left">{}</th>'
CELLS = (
    '<tr class="align-top"><td class="pr-6 py-1">{}</td><td class="pr-6 py-1 break-words">{}</td>'
    '<td class="py-1 break-words">{}</td></tr>'
)


class ReadOnlyAdmin(ModelAdmin):
    """Rows to look at: history, or what other code writes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _cut(text: str | None) -> str:
    return truncatechars(text or "–", 24)


class DaysFilter(RangeDateFilter):
    """From a day to a day, both whole, in UTC."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = (parse_date_str(str(self.used_parameters.get(f"{self.field_path}_{end}") or "")) for end in ENDS)
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": datetime.combine(first, time(), UTC)})
        if last:
            queryset = queryset.filter(**{f"{self.field_path}__lte": datetime.combine(last, time.max, UTC)})
        return queryset


class ActionFilter(admin.SimpleListFilter):
    """One action, or all of a family ("credits" for credits.given, credits.taken …)."""

    title = "action"
    parameter_name = "did"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        actions = list(AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct())
        families = {name.partition(".")[0] for name in actions if "." in name}
        found: list[tuple[str, str]] = []
        for family in sorted(families):
            found.append((f"{family}.", f"{family}: all"))
            found += [(name, f"\u2003{name}") for name in actions if name.startswith(f"{family}.")]
        return found + [(name, name) for name in actions if "." not in name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        chosen = self.value() or ""
        if chosen.endswith("."):
            return queryset.filter(action__gte=chosen, action__lt=f"{chosen[:-1]}/")  # "/" comes after "."
        return queryset.filter(action=chosen) if chosen else queryset


class ActorFilter(admin.SimpleListFilter):
    """Staff, customers, keys and the portal itself."""

    title = "who"
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("staff", "Staff"), ("people", "Customers"), ("others", "Keys, commands and the portal")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        # A handful of people, read first: within the query they would be looked for at every row.
        staff = list(User.objects.filter(Q(is_staff=True) | Q(is_superuser=True)).values_list("pk", flat=True))
        match self.value():
            case "staff":
                return queryset.filter(actor__in=staff)
            case "people":
                return queryset.filter(actor__isnull=False).exclude(actor__in=staff)
            case "others":
                return queryset.filter(actor=None)
            case _:
                return queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed money, access or configuration; looked at and exported, never edited."""

    list_display = ("when", "who", "action", "target", "workspace", "in_short")
    list_filter = (
        ActionFilter,
        ActorFilter,
        ("actor", AutocompleteSelectFilter),
        ("workspace", AutocompleteSelectFilter),
        ("at", DaysFilter),
    )
    list_filter_submit = True
    list_select_related = ("workspace",)
    search_fields = ("actor_label", "action", "target", "reason", "workspace__name", "workspace__public_id")
    search_help_text = "Person, action, target, reason, workspace (name or id)"
    ordering = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    fields = (
        *(("when", "who"), ("action", "target"), "workspace", "changes", "reason"),
        ("ip", "request_id"),
        "user_agent",
    )
    readonly_fields = ("when", "who", "changes")
    actions = ("export",)

    @display(description="When (UTC)", ordering="id")
    def when(self, entry: AuditEntry) -> str:
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{entry.at:%Y-%m-%d %H:%M:%S}")

    @display(description="Who", ordering="actor_label")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_label

    @display(description="Change")
    def in_short(self, entry: AuditEntry) -> str:
        """In one line, cut where the screen ends; the page of the entry has all of it."""
        found = changes(entry.before, entry.after)
        parts = [f"{one.field}: {_cut(one.was)} → {_cut(one.now)}" for one in found]
        text = "; ".join([*parts, *([f"“{entry.reason}”"] if entry.reason else [])])
        return format_html(ONE_LINE, text, truncatechars(text, 200) or "–")

    @display(description="What changed")
    def changes(self, entry: AuditEntry) -> str:
        """Before and after, a line for each field."""
        rows = [
            (one.field, "–" if one.was is None else one.was, "–" if one.now is None else one.now)
            for one in changes(entry.before, entry.after)
        ]
        if not rows:
            return "Nothing besides what the action says."
        head = format_html(
            "<tr>{}</tr>", format_html_join("", HEAD, ((name,) for name in ("Field", "Before", "After")))
        )
        return format_html("<table>{}{}</table>", head, format_html_join("", CELLS, rows))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("foundation.view_auditentry")

    @action(description="Export as CSV", permissions=["export"])
    def export(self, request: HttpRequest, chosen: QuerySet[AuditEntry]) -> HttpResponseBase:
        """The chosen entries, or all that search and filters leave; that somebody took them along is an entry too."""
        count = chosen.count()
        record(
            action="audit.exported",
            actor=cast(User, request.user),
            target=f"{count:,} entries",
            after={"filters": request.GET.urlencode()[:500]} if request.GET else None,
            request=request,
        )
        return respond("audit-log", COLUMNS, entries_rows(chosen))


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


@admin.register(MaintenanceRun)
class MaintenanceRunAdmin(ReadOnlyAdmin):
    """What the monthly maintenance did; the page of a run has its steps."""

    list_display = ("started_at", "finished_at", "count", "failed")
    fields = ("started_at", "finished_at", "failed", "steps_done")
    readonly_fields = ("steps_done",)

    @display(description="Steps")
    def count(self, run: MaintenanceRun) -> int:
        return len(run.steps)

    @display(description="Steps")
    def steps_done(self, run: MaintenanceRun) -> str:
        return format_html(
            "<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((in_words(step),) for step in run.steps))
        )
