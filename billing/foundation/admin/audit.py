"""The audit log: searched, looked at and exported."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.defaultfilters import truncatechars
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from accounts.models import User
from billing.foundation.admin.bases import ReadOnlyAdmin
from billing.foundation.adminlists import DaysFilter
from billing.foundation.audit.diff import changes
from billing.foundation.audit.export import COLUMNS, entries_rows
from billing.foundation.audit.models import AuditEntry
from billing.foundation.audit.services import record
from billing.foundation.csvfile import respond

# A narrow screen gives each cell a row of one line, and cuts off what is higher.
ONE_LINE = (
    '<span title="{}" style="display:block;max-width:min(24rem,50vw);overflow:hidden;text-overflow:ellipsis;'
    'white-space:nowrap">{}</span>'
)
HEAD = '<th class="font-semibold pr-6 pb-1 text-left">{}</th>'
CELLS = (
    '<tr class="align-top"><td class="pr-6 py-1">{}</td><td class="pr-6 py-1 break-words">{}</td>'
    '<td class="py-1 break-words">{}</td></tr>'
)


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


def _cut(text: str | None) -> str:
    return truncatechars(text or "–", 24)
