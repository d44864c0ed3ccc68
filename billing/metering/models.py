"""Usage events, their hourly totals, and included allowances. Amounts are nano-credits."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from accounts.models import ApiKey, Project, Workspace
from billing.ledger.models import Hold, Operation


class EventArchive(models.Model):
    """A file with the details of events, up to 50,000 of a workspace that count in one month (UTC)."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()  # its first day
    part = models.PositiveIntegerField()
    file = models.CharField(max_length=200)  # relative to ARCHIVE_DIR
    sha256 = models.BinaryField(max_length=32)  # of the file
    events = models.PositiveIntegerField()
    created_at = models.DateTimeField()  # the file is on the disk since then
    thinned_at = models.DateTimeField(null=True)  # since then no row has what the file has

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "month", "part"], name="event_archive_part_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="event_archive_of_a_month"),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(thinned_at=None), name="event_archive_unfinished")]

    def __str__(self) -> str:
        return self.file


class UsageEvent(models.Model):
    """One completed request as it was reported, with how it was priced and paid.

    Workspace, key and project are checked in the database by the event's Series, not here: a foreign key locks the
    row it names, and one service key reports for all workspaces at once.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    # Whose ids: a class of key, or a source of CloudEvents (origins.py). A customer's id never blocks ours.
    origin = models.CharField(max_length=200)
    event_id = models.CharField(max_length=200)
    request_hash = models.BinaryField(max_length=32)
    api_key = models.ForeignKey(
        ApiKey, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    project = models.ForeignKey(
        Project, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    provider = models.CharField(max_length=80, blank=True)
    model = models.CharField(max_length=200, blank=True)  # without the provider
    usage = models.JSONField()  # meter -> quantity as decimal string, canonical meters
    variant = models.JSONField(default=dict)
    agent = models.CharField(max_length=120, blank=True)
    app = models.CharField(max_length=120, blank=True)
    task = models.CharField(max_length=120, blank=True)
    end_user = models.CharField(max_length=200, blank=True)
    metadata = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()
    booked_at = models.DateTimeField()  # the instant whose hour it counts in: occurred_at, or recorded_at when late
    recorded_at = models.DateTimeField()
    late = models.BooleanField(default=False)
    problem = models.CharField(max_length=20, blank=True)  # why it is unrated: "unknown_model", "unknown_meter"
    lines = models.JSONField(default=list)  # rated lines: meter, quantity, price, per, markup, from_allowance, credits
    amount = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=30, decimal_places=15, default=0)  # charged, in USD at face value
    # Nano-USD that the operator pays for it, included quantities and charges that were given back as well.
    upstream = models.BigIntegerField(default=0, db_default=0)
    operation = models.ForeignKey(Operation, models.PROTECT, null=True, related_name="+", db_index=False)
    offset = models.BigIntegerField(default=0)  # where this event's amount begins in the operation's ordered takes
    hold = models.ForeignKey(Hold, models.PROTECT, null=True, related_name="+", db_index=False)  # what it settled
    told = models.JSONField(null=True)  # the balance that a single post was answered with, for its replays
    # Of an event that waited for a price: when it got one and was charged, and the problem it was recorded with. Null
    # for all others, which costs a row nothing.
    priced_at = models.DateTimeField(null=True)
    unrated_as = models.CharField(max_length=20, null=True)  # noqa: DJ001
    # Where its details are once they are no longer here: variant, metadata, told, and the prices in `lines`. Checked by
    # the trigger that lets it be set.
    archive = models.ForeignKey(
        EventArchive, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "origin", "event_id"], name="usage_event_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="usage_event_amount_not_negative"),
            models.CheckConstraint(
                condition=Q(amount=0, operation=None) | Q(amount__gt=0, operation__isnull=False),
                name="usage_event_charged_by_an_operation",
            ),
            models.CheckConstraint(condition=Q(problem="") | Q(amount=0), name="usage_event_unrated_costs_nothing"),
            models.UniqueConstraint(fields=["hold"], condition=Q(hold__isnull=False), name="usage_event_one_per_hold"),
            models.CheckConstraint(
                condition=Q(priced_at=None, unrated_as=None)
                | Q(priced_at__isnull=False, unrated_as__isnull=False, problem="") & ~Q(unrated_as=""),
                name="usage_event_priced_once",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-occurred_at", "-id"], name="usage_event_recent"),
            models.Index(
                fields=["workspace", "end_user", "-occurred_at", "-id"],
                condition=~Q(end_user=""),
                name="usage_event_of_end_user",
            ),
            # Few: those that count in another hour than the one they occurred in.
            models.Index(fields=["workspace", "booked_at"], condition=Q(late=True), name="usage_event_late"),
            models.Index(fields=["workspace", "recorded_at"], condition=~Q(problem=""), name="usage_event_waiting"),
            # The unique index begins with the origin, and sources of CloudEvents are not known beforehand.
            models.Index(
                fields=["workspace", "event_id"],
                condition=~Q(origin__in=("workspace", "service")),
                name="usage_event_of_other_origin",
            ),
            # Events are stored in the order of their operations, so a summary of each page range finds them, and an
            # insert pays next to nothing for it.
            BrinIndex(fields=["operation"], autosummarize=True, pages_per_range=16, name="usage_event_operation"),
        ]

    def __str__(self) -> str:
        return self.event_id

    @property
    def reversed(self) -> "EventReversal | None":
        """What was given back of it, if it was; load it along by `select_related("reversal")`."""
        return getattr(self, "reversal", None)


class EventReversal(models.Model):
    """The charge of an event was taken back, whole and for good: it never happened more than once, by its key.

    Like the event's charge, an amount has its operation; what only an allowance had covered has none.
    """

    event = models.OneToOneField(UsageEvent, models.PROTECT, primary_key=True, related_name="reversal")
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    operation = models.OneToOneField(Operation, models.PROTECT, null=True, related_name="+")
    amount = models.BigIntegerField()  # what the event had cost
    cancelled = models.BigIntegerField()  # part of it that had been debt; the rest went back to lots
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cancelled__gte=0, cancelled__lte=F("amount")), name="event_reversal_cancelled_within_amount"
            ),
            models.CheckConstraint(
                condition=Q(amount=0, operation=None) | Q(amount__gt=0, operation__isnull=False),
                name="event_reversal_by_an_operation",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "event"], name="event_reversal_of_workspace")]

    def __str__(self) -> str:
        return f"{self.amount} of {self.event_id}"

    @property
    def returned(self) -> int:
        return self.amount - self.cancelled


class HourTotal(models.Model):
    """Narrow: what a workspace spent in an hour (UTC). Serves balances and summaries.

    `amount` is what is left after reversals, which count in the hour of their event; gross it was amount + reversed.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    hour = models.DateTimeField()
    amount = models.BigIntegerField()
    requests = models.BigIntegerField()
    reversed = models.BigIntegerField(default=0, db_default=0)
    # Events that waited for a price and got one: what they were counted as changed, also where they cost nothing.
    priced_later = models.BigIntegerField(default=0, db_default=0)
    # Their charges: part of `amount + reversed` of the hour they count in, but taken from the balance in another hour.
    priced_later_amount = models.BigIntegerField(default=0, db_default=0)
    priced_here = models.BigIntegerField(default=0, db_default=0)  # charged in this hour for events that waited

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "hour"], name="hour_total_once"),
            models.CheckConstraint(condition=Q(reversed__gte=0), name="hour_total_reversed_not_negative"),
            models.CheckConstraint(
                condition=Q(priced_later_amount__gte=0, priced_here__gte=0), name="hour_total_priced_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.hour}"


class Series(models.Model):
    """One combination of breakdown values of a workspace; HourUsage counts per series."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    digest = models.BinaryField(max_length=16)  # of the values below
    provider = models.CharField(max_length=80, blank=True)
    model = models.CharField(max_length=200, blank=True)
    meter = models.CharField(max_length=60)
    project = models.ForeignKey(Project, models.PROTECT, null=True, related_name="+", db_index=False)
    task = models.CharField(max_length=120, blank=True)
    agent = models.CharField(max_length=120, blank=True)
    app = models.CharField(max_length=120, blank=True)
    api_key = models.ForeignKey(ApiKey, models.PROTECT, null=True, related_name="+", db_index=False)
    created_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "digest"], name="series_once")]
        indexes = [models.Index(fields=["workspace", "created_on"], name="series_new_today")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.meter}"


class HourUsage(models.Model):
    """Wide: quantity and credits (net of reversals) of one series in an hour (UTC). Serves the usage pages."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    hour = models.DateTimeField()
    series = models.ForeignKey(Series, models.PROTECT, related_name="+", db_index=False)
    quantity = models.DecimalField(max_digits=30, decimal_places=9)
    amount = models.BigIntegerField()
    # An event with several meters counts as one request: in the series of its first meter only.
    requests = models.BigIntegerField()
    upstream = models.BigIntegerField(default=0, db_default=0)  # nano-USD that the operator pays for it

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "hour", "series"], name="hour_usage_once")]
        # Hours of all workspaces together: rows are written in the order of time, and an insert pays next to nothing.
        indexes = [BrinIndex(fields=["hour"], autosummarize=True, pages_per_range=32, name="hour_usage_by_time")]

    def __str__(self) -> str:
        return f"{self.series_id} {self.hour}"


class EarlierUsage(models.Model):
    """What a workspace used of a model's meter on a day (UTC) before it came here; imported, and never charged.

    It counts in the noon hour of that day, beside events: usage pages show it, and no price, balance, budget or margin
    knows of it.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    provider = models.CharField(max_length=80, blank=True)
    model = models.CharField(max_length=200, blank=True)  # without the provider
    meter = models.CharField(max_length=60)
    quantity = models.DecimalField(max_digits=30, decimal_places=9)
    requests = models.BigIntegerField()  # those that are not counted by another meter of the same day
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "day", "provider", "model", "meter"], name="earlier_usage_once"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=0, requests__gte=0) & ~Q(quantity=0, requests=0) & ~Q(meter=""),
                name="earlier_usage_of_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.meter} on {self.day}"


class EndUser(models.Model):
    """A customer's customer, by the name that events gave; EndUserHour counts for them. "other" are further ones."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField()  # events of before were counted as "other"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="end_user_once"),
            models.CheckConstraint(condition=~Q(name=""), name="end_user_has_a_name"),
        ]
        indexes = [models.Index(fields=["workspace", "created_at"], name="end_user_new_today")]

    def __str__(self) -> str:
        return self.name


class EndUserHour(models.Model):
    """What one end user cost (net of reversals) and used in an hour (UTC). Events that name none are not in here."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    hour = models.DateTimeField()
    end_user = models.ForeignKey(EndUser, models.PROTECT, related_name="+", db_index=False)
    amount = models.BigIntegerField()
    requests = models.BigIntegerField()
    tokens = models.DecimalField(max_digits=30, decimal_places=9)  # in, out and embedded
    quantity = models.DecimalField(max_digits=30, decimal_places=9)  # of all meters

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "hour", "end_user"], name="end_user_hour_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="end_user_hour_amount_not_negative"),
            models.CheckConstraint(condition=Q(requests__gte=0), name="end_user_hour_requests_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.end_user_id} {self.hour}"


class Allowance(models.Model):
    """A quantity of a meter included in a period, consumed before credits."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="allowances", db_index=False)
    meter = models.CharField(max_length=60)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    included = models.DecimalField(max_digits=21, decimal_places=9)
    used = models.DecimalField(max_digits=21, decimal_places=9, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "meter", "starts_at"], name="allowance_once_per_period"),
            models.CheckConstraint(condition=Q(used__gte=0, used__lte=F("included")), name="allowance_used_within"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="allowance_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.used} of {self.included} {self.meter}"


class MonthCount(models.Model):
    """What a month (UTC) counted of something that prices depend on (counters.py); no row where nothing does."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()  # its first day
    name = models.CharField(max_length=350)  # "input_tokens openai/gpt-4o", "highest seats"
    quantity = models.DecimalField(max_digits=30, decimal_places=9)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "month", "name"], name="month_count_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="month_count_of_a_month"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="month_count_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.name} in {self.month:%Y-%m}"


class AllowanceHold(models.Model):
    """What a hold reserves of an allowance for as long as it is open. Written with the hold; that it is open, the
    hold says itself, so nothing has to be undone when it ends.
    """

    hold = models.ForeignKey(Hold, models.PROTECT, related_name="+", db_index=False)
    allowance = models.ForeignKey(Allowance, models.PROTECT, related_name="+", db_index=False)
    quantity = models.DecimalField(max_digits=21, decimal_places=9)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hold", "allowance"], name="allowance_hold_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="allowance_hold_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} for {self.hold_id}"
