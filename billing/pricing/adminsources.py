"""Admin pages of what is read: the sources with their addresses, and the record of every reading."""

from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Case, Count, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminURLInputWidget, UnfoldBooleanWidget

from accounts.models import User
from billing.foundation.adminforms import ActionForm, action_page
from billing.foundation.audit import services as audit
from billing.pricing.book import RANKS
from billing.pricing.display import published_text
from billing.pricing.models import PriceChange, PriceImport, PriceLine, PriceSource
from billing.pricing.refresh import check_source, price_sources, source_update
from billing.pricing.services import ImportReport, import_reading, source_import
from billing.pricing.sources import FETCHED, SOURCES, litellm, understood
from billing.pricing.sources.fetch import MOST_BYTES
from billing.pricing.sources.rows import SourceError
from billing.pricing.variants import variant_text

PAGE = 100
EVERYTHING = 1  # the share of lines that may vanish when a person allows it


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    url = forms.URLField(
        label="Address",
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget,
        help_text="LiteLLM: of its model_prices_and_context_window.json. OpenRouter: of its API, ending in /api/v1. "
        "https only, except from this machine. Nothing is fetched while this is empty.",
    )

    class Meta:
        model = PriceSource
        fields = ("enabled", "url", "refresh_hours")
        labels = {"enabled": "Read it", "refresh_hours": "Hours between readings"}
        help_texts = {
            "enabled": "Off: it is not read any more. Prices that it brought stay in force.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        check_source(
            name=self.instance.name,
            enabled=bool(data.get("enabled")),
            url=data.get("url", "") if "url" in self.fields else "",
        )
        return data


class ReadForm(ActionForm):
    vanish = forms.BooleanField(
        label="Believe it even if many lines are missing",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="This once. Missing lines end; a model that is missing whole retires and keeps its last prices.",
    )


class UploadForm(ReadForm):
    file = forms.FileField(
        label="LiteLLM's price file",
        widget=UnfoldAdminFileFieldWidget,
        help_text="model_prices_and_context_window.json, or the …_backup.json out of a litellm wheel.",
    )
    field_order = ("file", "vanish")


class PriceSourceAdmin(ModelAdmin):
    """Which catalogues are read. One decides where several have a price: in the order of this list."""

    form = SourceForm
    list_display = ("name", "enabled", "url", "refresh_hours", "last_read", "state", "problem")
    actions_detail = ("read_now", "upload")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        price_sources()
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """The one that decides first."""
        ranks = [When(name=name, then=Value(rank)) for name, rank in RANKS.items()]
        return [Case(*ranks, default=Value(0)).desc(), "name"]

    @display(description="Last reading", label={"well": "success", "not read yet": "info", "failed": "danger"})
    def state(self, source: PriceSource) -> str:
        if source.error:
            return "failed"
        return "well" if source.read_at else "not read yet"

    @display(description="Last read (UTC)", ordering="read_at")
    def last_read(self, source: PriceSource) -> str:
        return f"{source.read_at:%-d\u00a0%b\u00a0%Y, %H:%M}" if source.read_at else "–"

    @display(description="Problem")
    def problem(self, source: PriceSource) -> str:
        return source.error

    def get_fields(self, request: HttpRequest, obj: PriceSource | None = None) -> tuple[str, ...]:
        shown = ("enabled", "url", "refresh_hours") if obj and obj.name in FETCHED else ("enabled", "refresh_hours")
        return (*shown, "read_at", "error", "failing_since")

    def get_readonly_fields(self, request: HttpRequest, obj: PriceSource | None = None) -> tuple[str, ...]:
        return ("read_at", "error", "failing_since")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PriceSource | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: PriceSource, form: Any, change: bool) -> None:
        source_update(
            name=obj.name,
            enabled=obj.enabled,
            url=obj.url,
            refresh_hours=obj.refresh_hours,
            actor=cast(User, request.user),
            request=request,
        )

    def has_reading_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("pricing.change_pricesource")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """A file can be uploaded of LiteLLM only."""
        found = super().get_actions_detail(request, object_id)
        return [each for each in found if "upload" not in each.action_name or object_id == litellm.SOURCE]

    @action(description="Read now", url_path="read", icon="sync", permissions=["reading"])
    def read_now(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form; the source is read by its POST."""
        source = self._source(request, object_id)
        return action_page(
            self,
            request,
            form=ReadForm(request.POST or None),
            title=f"Read {source.name} now",
            facts=_facts(source),
            apply=lambda data: _done(_read(source, data, request), request),
            back=_imports(source.name),
            button="Read",
        )

    @action(description="Upload a file", url_path="upload", icon="upload_file", permissions=["reading"])
    def upload(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The link only opens the form."""
        source = self._source(request, object_id)
        if source.name != litellm.SOURCE:
            raise Http404
        return action_page(
            self,
            request,
            form=UploadForm(request.POST or None, request.FILES or None),
            title="Read an uploaded price file of LiteLLM",
            intro="The file is read once and not kept. Where the source has an address as well, the next scheduled "
            "reading takes what is there.",
            facts=_facts(source),
            apply=lambda data: _done(_read_file(data, request), request),
            back=_imports(source.name),
            button="Read the file",
        )

    def _source(self, request: HttpRequest, object_id: Any) -> PriceSource:
        if not self.has_reading_permission(request):
            raise PermissionDenied
        source = PriceSource.objects.filter(pk=object_id, name__in=SOURCES).first()
        if source is None:
            raise Http404
        return source


class PriceImportAdmin(ModelAdmin):
    """What every reading did, line by line."""

    list_display = ("source", "version", "at", "outcome", "lines", "summary")
    list_filter = ("source", "applied")

    @display(description="Outcome", label={"applied": "success", "unchanged": "info", "refused": "danger"})
    def outcome(self, record: PriceImport) -> str:
        return outcome(record)

    @display(description="What it did")
    def summary(self, record: PriceImport) -> str:
        return summary(record)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PriceImport | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PriceImport | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """`?kind=changed&page=2` chooses which of its lines are shown."""
        if object_id is None:
            raise PermissionDenied  # nothing is added by hand
        record = self.get_object(request, object_id)
        if record is None:
            raise Http404
        if not self.has_view_permission(request, record):
            raise PermissionDenied
        counts = dict(record.changes.values_list("kind").annotate(found=Count("id")))
        kind = request.GET.get("kind", "")
        changes = record.changes.select_related("line", "old").order_by("pk")
        pages = Paginator(changes.filter(kind=kind) if kind in counts else changes, PAGE)
        page = pages.get_page(request.GET.get("page"))
        context: dict[str, Any] = {
            **admin.site.each_context(request),
            "title": f"{record.source} {record.version}".strip(),
            "opts": self.model._meta,
            "record": record,
            "outcome": outcome(record),
            "summary": summary(record),
            "notes": sorted((record.report.get("notes") or {}).items(), key=lambda note: (-note[1], note[0])),
            "kinds": [
                (word, label, counts[word], word == kind) for word, label in PriceChange.Kind.choices if word in counts
            ],
            "page": page,
            "rows": [_row(change) for change in page],
            "query": urlencode({"kind": kind}) if kind in counts else "",
            "source_link": reverse("admin:pricing_pricesource_change", args=[record.source])
            if record.source in SOURCES
            else "",
        }
        return TemplateResponse(request, "admin/price_import.html", context)


def outcome(record: PriceImport) -> str:
    if record.applied:
        return "applied"
    return "unchanged" if record.report.get("noop") else "refused"


def summary(record: PriceImport) -> str:
    """What the reading did, in a line."""
    report = record.report
    if problem := report.get("error") or report.get("abort"):
        return str(problem)
    if report.get("noop"):
        return "nothing new"
    found = ", ".join(f"{report.get(key, 0):,} {key}" for key in ("added", "changed", "held", "retired"))
    differs = report.get("differs", 0)
    return found + (f", {differs:,} differ from another source" if differs else "")


def usd(line: PriceLine | None) -> str:
    return published_text(line.price, line.per, line.unit) if line else ""


def _row(change: PriceChange) -> dict[str, Any]:
    line = change.line or change.old
    assert line is not None  # noqa: S101 (price_change_names_a_line)
    return {
        "kind": change.get_kind_display(),
        "model": f"{line.provider}/{line.model}" if line.model else "platform",
        "meter": line.meter,
        "variant": variant_text(line.dims),
        "old": usd(change.old),
        "new": usd(change.line),
        "note": change.note,
    }


def _facts(source: PriceSource) -> list[tuple[str, str]]:
    return [
        ("Address", source.url or ("none" if source.name in FETCHED else "comes with Purser")),
        ("Last read", f"{source.read_at:%Y-%m-%d %H:%M} UTC" if source.read_at else "never"),
        ("Last problem", source.error or "none"),
    ]


def _imports(source: str) -> str:
    return f"{reverse('admin:pricing_priceimport_changelist')}?source={source}"


def _read(source: PriceSource, data: dict[str, Any], request: HttpRequest) -> ImportReport:
    vanish = _allowed(data, source.name, request)
    return source_import(source.name, vanish=vanish)


def _read_file(data: dict[str, Any], request: HttpRequest) -> ImportReport:
    if data["file"].size > MOST_BYTES:
        raise ValidationError({"file": f"It is larger than {MOST_BYTES // 1024 // 1024} MB."})
    try:
        text = data["file"].read().decode("utf-8-sig")
        reading = understood(lambda: litellm.read_file(text))
    except UnicodeDecodeError:
        raise ValidationError({"file": "It is not text in UTF-8. No price was changed."}) from None
    except SourceError as problem:
        raise ValidationError({"file": f"It cannot be used: {problem}. No price was changed."}) from None
    return import_reading(reading, vanish=_allowed(data, litellm.SOURCE, request))


def _allowed(data: dict[str, Any], source: str, request: HttpRequest) -> Any:
    """Every line may vanish, when a person says so; else what the site settings allow."""
    if not data["vanish"]:
        return None
    audit.record(action="price.vanish", actor=cast(User, request.user), target=source, request=request)
    return EVERYTHING


def _done(report: ImportReport, request: HttpRequest) -> str:
    if report.problem:
        raise ValidationError(f"No price was changed: {report.problem}.")
    if report.noop:
        return f"{report.source} says what it said last time: {report.lines:,} prices."
    return (
        f"{report.source} was read: {report.added:,} prices added, {report.changed:,} changed, "
        f"{report.held:,} wait for your decision, {report.retired:,} retired."
    )
