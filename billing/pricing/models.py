"""The price catalogue: append-only, effective-dated lines of USD prices as published."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class Meter(models.Model):
    """What is counted. `contained_in`: its quantity is part of another meter's (cached tokens of input tokens)."""

    key = models.CharField(max_length=60, primary_key=True)
    label = models.CharField(max_length=80)  # "Input tokens"
    unit = models.CharField(max_length=20)  # "token", "character", "second", "image", …
    contained_in = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    platform = models.BooleanField(default=False)  # the platform's own (messages, container days), no model needed
    position = models.PositiveSmallIntegerField(default=100)  # order in lists

    class Meta:
        ordering = ["position", "key"]

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


class PriceImport(models.Model):
    """One reading of a source, also when it changed nothing."""

    source = models.CharField(max_length=40)
    version = models.CharField(max_length=80)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    applied = models.BooleanField()
    lines = models.PositiveIntegerField()
    report = models.JSONField(default=dict)  # added, changed, held, retired, unchanged, abort

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
        return f"{self.percent} % {self.provider or 'everything'} {self.model}"


class PriceRevision(models.Model):
    """One row, counted up by every change, so that each process sees by one cheap query that its prices are old.

    A row and not a sequence: the new number must become visible together with the change, not before it.
    """

    number = models.PositiveBigIntegerField(default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="price_revision_one_row")]

    def __str__(self) -> str:
        return str(self.number)
