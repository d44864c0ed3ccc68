"""The price catalogue: append-only, effective-dated lines of USD prices as published."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import Workspace


class Meter(models.Model):
    """What is counted. `contained_in`: its quantity is part of another meter's (cached tokens of input tokens)."""

    class Aggregation(models.TextChoices):
        SUM = "sum", "Sum: every unit counts"
        COUNT = "count", "Count: every event that carries it counts one"
        MAX = "max", "Highest: an event counts what it adds to the month's highest value (UTC)"

    key = models.CharField(max_length=60, primary_key=True)
    label = models.CharField(max_length=80)  # "Input tokens"
    unit = models.CharField(max_length=20)  # "token", "character", "second", "image", …
    contained_in = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    platform = models.BooleanField(default=False)  # the platform's own (messages, container days), no model needed
    position = models.PositiveSmallIntegerField(default=100)  # order in lists
    aggregation = models.CharField(max_length=5, choices=Aggregation.choices, default=Aggregation.SUM, db_default="sum")

    class Meta:
        ordering = ["position", "key"]
        constraints = [
            models.CheckConstraint(condition=Q(aggregation="sum") | Q(contained_in=None), name="meter_part_is_summed"),
        ]

    def __str__(self) -> str:
        return self.label


class CatalogModel(models.Model):
    """A model as the pricing page lists it."""

    provider = models.CharField(max_length=80)
    model = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    modality = models.CharField(max_length=20)  # text, embedding, image, video, speech, transcription, rerank, platform
    context_window = models.PositiveIntegerField(null=True, blank=True)
    aliases = ArrayField(models.CharField(max_length=200), default=list)  # other ids that mean this model
    by_maker = models.BooleanField(default=False)  # sold by who makes it: the bare name means this one
    source = models.CharField(max_length=40, blank=True)  # the source that described it first keeps it
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["provider", "model"]
        constraints = [models.UniqueConstraint(fields=["provider", "model"], name="catalog_model_once")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class PriceSource(models.Model):
    """Where prices are read from: which sources, how often, and how the last reading went."""

    name = models.CharField(max_length=40, primary_key=True)  # a key of sources.SOURCES
    enabled = models.BooleanField(default=True)
    url = models.URLField(max_length=500, blank=True)  # of a catalogue that is fetched; others come with the package
    refresh_hours = models.PositiveSmallIntegerField(default=24)
    read_at = models.DateTimeField(null=True, blank=True)  # the last reading that was believed
    error = models.CharField(max_length=500, blank=True)  # why the last reading was not; empty: it was
    failing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(refresh_hours__gte=1), name="price_source_refresh_hours_positive"),
            models.CheckConstraint(
                condition=Q(enabled=False) | ~Q(name__in=["litellm", "openrouter"]) | ~Q(url=""),
                name="price_source_fetched_has_url",
            ),
            models.CheckConstraint(
                condition=Q(error="", failing_since=None) | (~Q(error="") & Q(failing_since__isnull=False)),
                name="price_source_failing_since_error",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PriceImport(models.Model):
    """One reading of a source, also when it changed nothing or could not be read."""

    source = models.CharField(max_length=40)
    version = models.CharField(max_length=80)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    applied = models.BooleanField()
    lines = models.PositiveIntegerField()
    report = models.JSONField(default=dict)  # added, changed, held, retired, unchanged, differs, abort, error, notes

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.source} {self.version}"


class PriceLine(models.Model):
    """A price never changes: the line is closed and a new one opened."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PENDING = "pending"
        REJECTED = "rejected"

    source = models.CharField(max_length=40)
    provider = models.CharField(max_length=80)
    model = models.CharField(max_length=200, blank=True)  # empty: the platform's own meters
    meter = models.CharField(max_length=60)
    dims = models.JSONField(default=dict)  # tier, context_over, cache_ttl, utc_window, resolution, audio, quality, size
    dims_key = models.CharField(max_length=200)  # canonical text of dims, for uniqueness
    unit = models.CharField(max_length=20)
    price = models.DecimalField(max_digits=24, decimal_places=15)  # USD per `per` units, as published
    per = models.BigIntegerField()
    upstream_from = models.DateField(null=True, blank=True)
    upstream_until = models.DateField(null=True, blank=True)
    effective_from = models.DateTimeField(null=True, blank=True)  # null = since ever (first import of the line)
    effective_to = models.DateTimeField(null=True, blank=True)
    # Percent fixed on this line; null: the markup in force. The platform's own lines have none unless set here.
    markup_percent = models.DecimalField(max_digits=7, decimal_places=3, null=True, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    reason = models.CharField(max_length=80, blank=True)
    imported = models.ForeignKey(PriceImport, models.PROTECT, null=True, blank=True, related_name="price_lines")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "provider", "model", "meter", "dims_key", "upstream_from"],
                condition=Q(status="active", effective_to=None),
                nulls_distinct=False,
                name="price_line_one_open",
            ),
            models.CheckConstraint(condition=Q(price__gte=0, per__gt=0), name="price_line_sane"),
            models.CheckConstraint(
                condition=Q(effective_to=None) | Q(effective_from=None) | Q(effective_to__gt=F("effective_from")),
                name="price_line_window",
            ),
        ]
        indexes = [models.Index(fields=["provider", "model"], name="price_line_model")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.meter} {self.price} per {self.per}"


class PriceChange(models.Model):
    """One line of what a reading did: the readable record of an import."""

    class Kind(models.TextChoices):
        ADDED = "added"
        CHANGED = "changed"
        HELD = "held", "waits for approval"
        RETIRED = "retired"
        DIFFERS = "differs", "differs from another source"
        MISSING = "missing", "missing from a refused reading"

    imported = models.ForeignKey(PriceImport, models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    line = models.ForeignKey(PriceLine, models.CASCADE, null=True, related_name="+")  # the new one
    # The one it replaces, or would; that vanished; or of the other source.
    old = models.ForeignKey(PriceLine, models.CASCADE, null=True, related_name="+")
    note = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(line__isnull=False) | Q(old__isnull=False), name="price_change_names_a_line"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.line or self.old}"


class Markup(models.Model):
    """Percent over upstream cost from an instant on; the most specific one in force counts."""

    provider = models.CharField(max_length=80, blank=True)  # empty: all
    model = models.CharField(max_length=200, blank=True)  # empty: all of the provider
    percent = models.DecimalField(max_digits=7, decimal_places=3)
    effective_from = models.DateTimeField(null=True, blank=True)  # null = since ever
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["provider", "model", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "model", "effective_from"], nulls_distinct=False, name="markup_once_per_instant"
            ),
            models.CheckConstraint(condition=Q(percent__gt=-100), name="markup_above_minus_100_percent"),
            models.CheckConstraint(condition=Q(model="") | ~Q(provider=""), name="markup_model_needs_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.percent}% {self.provider or 'everything'} {self.model}"


class _Agreed(models.Model):
    """What holds for some prices from an instant on. Never changed but by its end; a new one ends the old."""

    provider = models.CharField(max_length=80, blank=True)  # empty: all; "platform": the platform's own meters
    model = models.CharField(max_length=200, blank=True)  # empty: all of the provider
    meter = models.CharField(max_length=60, blank=True)  # empty: all
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)  # the same as its beginning: withdrawn before it began
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    @property
    def scope(self) -> str:
        """What it holds for, in words."""
        of = "/".join(part for part in (self.provider, self.model) if part)
        return " ".join(part for part in (self.meter.replace("_", " "), "of" if self.meter and of else "", of) if part)


def _sane(name: str) -> list[models.CheckConstraint]:
    return [
        models.CheckConstraint(condition=Q(model="") | ~Q(provider=""), name=f"{name}_model_needs_provider"),
        models.CheckConstraint(
            condition=Q(effective_to=None) | Q(effective_to__gte=F("effective_from")), name=f"{name}_window"
        ),
    ]


class PriceOverride(_Agreed):
    """What one workspace pays in place of the list price: a price of its own, or a percent of its own over cost."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    variant = models.JSONField(default=dict, blank=True)  # dimensions a line must have; empty: whatever the variant
    variant_key = models.CharField(max_length=200, blank=True)  # canonical text of it, for uniqueness
    price = models.DecimalField(max_digits=24, decimal_places=15, null=True, blank=True)  # USD per `per` units
    per = models.BigIntegerField(null=True, blank=True)
    percent = models.DecimalField(max_digits=7, decimal_places=3, null=True, blank=True)  # over cost, not the markup
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "agreed price"
        ordering = ["workspace", "provider", "model", "meter", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "provider", "model", "meter", "variant_key"],
                condition=Q(effective_to=None),
                name="price_override_one_open",
            ),
            models.CheckConstraint(
                condition=Q(percent=None, price__isnull=False, price__gte=0, per__isnull=False, per__gt=0)
                & ~Q(meter="")
                | Q(price=None, per=None, percent__isnull=False, percent__gt=-100),
                name="price_override_price_or_percent",
            ),
            models.CheckConstraint(
                condition=Q(variant_key="") | ~Q(meter=""), name="price_override_variant_needs_meter"
            ),
            *_sane("price_override"),
        ]
        indexes = [models.Index(fields=["workspace"], name="price_override_of_workspace")]

    def __str__(self) -> str:
        return f"{self.scope or 'everything'}: {self.terms}"

    @property
    def terms(self) -> str:
        """What is paid, in words."""
        if self.price is None:
            percent = (self.percent or Decimal(0)).normalize()
            return f"cost {'+' if percent >= 0 else '−'}{abs(percent):f}%"
        return f"${self.price.normalize():f} per {self.per:,}"


class PriceDiscount(_Agreed):
    """A percent off the marked-up price, for one workspace; its plan gives it. The narrowest one counts alone."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    percent = models.DecimalField(max_digits=6, decimal_places=3)
    label = models.CharField(max_length=80, blank=True)  # who gives it: "Pro v2"

    class Meta:
        verbose_name = "plan discount"
        ordering = ["workspace", "provider", "model", "meter", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "provider", "model", "meter"],
                condition=Q(effective_to=None),
                name="price_discount_one_open",
            ),
            models.CheckConstraint(condition=Q(percent__gt=0, percent__lte=100), name="price_discount_percent"),
            *_sane("price_discount"),
        ]
        indexes = [models.Index(fields=["workspace"], name="price_discount_of_workspace")]

    def __str__(self) -> str:
        return f"{self.percent.normalize():f}% off {self.scope or 'everything'}"


class TierSchedule(_Agreed):
    """Prices of a meter that depend on how much of it a workspace was charged for in the calendar month (UTC)."""

    class Mode(models.TextChoices):
        GRADUATED = "graduated", "Graduated: each part at the price of its step"
        VOLUME = "volume", "Volume: the event that reaches a step, and those after it, at its price"

    class Source(models.TextChoices):
        OPERATOR = "operator"
        PLAN = "plan"

    workspace = models.ForeignKey(Workspace, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.OPERATOR)
    mode = models.CharField(max_length=9, choices=Mode.choices)
    label = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["workspace", "meter", "provider", "model", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "source", "provider", "model", "meter"],
                condition=Q(effective_to=None),
                nulls_distinct=False,
                name="tier_schedule_one_open",
            ),
            models.CheckConstraint(condition=~Q(meter=""), name="tier_schedule_needs_meter"),
            models.CheckConstraint(
                condition=Q(source="operator") | Q(workspace__isnull=False), name="tier_schedule_of_plan_for_somebody"
            ),
            *_sane("tier_schedule"),
        ]
        indexes = [models.Index(fields=["workspace"], name="tier_schedule_of_workspace")]

    def __str__(self) -> str:
        return f"{self.mode} tiers of {self.scope}"


class TierStep(models.Model):
    """From so many units of the month on: a percent off the price otherwise due, or a price of its own."""

    schedule = models.ForeignKey(TierSchedule, models.PROTECT, related_name="steps")
    start = models.DecimalField(max_digits=21, decimal_places=9)
    off = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)  # percent
    price = models.DecimalField(max_digits=24, decimal_places=15, null=True, blank=True)  # USD per `per` units
    per = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["schedule", "start"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "start"], name="tier_step_once"),
            models.CheckConstraint(condition=Q(start__gte=0), name="tier_step_start_not_negative"),
            models.CheckConstraint(
                condition=Q(off__isnull=False, off__gte=0, off__lte=100, price=None, per=None)
                | Q(off=None, price__isnull=False, price__gte=0, per__isnull=False, per__gt=0),
                name="tier_step_off_or_price",
            ),
        ]

    def __str__(self) -> str:
        start = f"from {self.start.normalize():,f}"
        if self.price is None:
            return f"{start}: {(self.off or Decimal(0)).normalize():f}% off"
        return f"{start}: ${self.price.normalize():f} per {self.per:,}"


class PriceRevision(models.Model):
    """One row, counted up by every change, so that each process sees by one cheap query that its prices are old.

    A row and not a sequence: the new number must become visible together with the change, not before it.
    """

    number = models.PositiveBigIntegerField(default=1)
    terms = models.PositiveBigIntegerField(default=1, db_default=1)  # the same for what customers agreed on

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="price_revision_one_row")]

    def __str__(self) -> str:
        return str(self.number)
