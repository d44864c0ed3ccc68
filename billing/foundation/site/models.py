"""What the operator decides for the whole installation: one row."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models

COLOUR = RegexValidator(r"\A#[0-9a-f]{6}\Z", "Write a colour as # and six digits, such as #0f766e.")


class SiteLogo(models.Model):
    """A picture that was checked. Rows stay: mails that were sent and documents that were issued show theirs."""

    name = models.CharField(primary_key=True, max_length=80, editable=False)  # sha256 and ending, as in its address
    data = models.BinaryField()
    width = models.PositiveSmallIntegerField()  # pixels
    height = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[0-9a-f]{64}\.(png|jpg)$"), name="site_logo_name_is_of_its_bytes"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name[:8]}…, {self.width} × {self.height} pixels"

    @property
    def content_type(self) -> str:
        return "image/png" if self.name.endswith(".png") else "image/jpeg"


class SiteSettings(models.Model):
    product_name = models.CharField(max_length=60, default="Purser")
    credit_name = models.CharField(max_length=30, default="credit")
    credit_name_plural = models.CharField(max_length=30, default="credits")
    # Fixed once the ledger has an entry (trigger in billing.ledger): changing it would re-value every balance.
    usd_per_credit = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal("0.005"))
    support_email = models.EmailField(blank=True)
    logo = models.ForeignKey(SiteLogo, models.PROTECT, null=True, blank=True, related_name="+")
    # "#rrggbb"; empty: the shipped colour, or for the dark look one that is made of the light one.
    accent_light = models.CharField(max_length=7, blank=True, db_default="", default="", validators=[COLOUR])
    accent_dark = models.CharField(max_length=7, blank=True, db_default="", default="", validators=[COLOUR])
    signup_grant_enabled = models.BooleanField(default=False)
    signup_grant_credits = models.DecimalField(max_digits=18, decimal_places=9, default=Decimal(200))
    signup_grant_days = models.PositiveIntegerField(default=90)  # until it expires
    default_plan = models.CharField(max_length=40, default="free")
    # Usage older than this is booked today and marked late.
    late_after_hours = models.PositiveIntegerField(default=72, validators=[MaxValueValidator(24 * 366)])
    rate_limit_workspace = models.PositiveIntegerField("requests per minute, workspace keys", default=6_000)
    rate_limit_service = models.PositiveIntegerField("requests per minute, service keys", default=600_000)
    # A workspace's key that spends more than so many times its usual busiest minute, and more than so many credits in a
    # minute, is paused. 0: never.
    velocity_factor = models.PositiveSmallIntegerField(default=10)
    velocity_minimum = models.DecimalField(max_digits=18, decimal_places=9, default=Decimal(2_000))
    # Distinct values of one breakdown dimension per workspace and day; further ones are summed as "other".
    max_breakdown_values = models.PositiveIntegerField(default=500)
    # End users that a workspace may get in a day; further ones are summed as "other" that day.
    max_end_users = models.PositiveIntegerField(default=10_000)
    # Details of usage events are archived to files after so many whole months; empty or 0: never.
    event_detail_months = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MaxValueValidator(1_200)])
    # Texts of e-mails that were sent are emptied after so many days; empty or 0: never.
    outbox_text_days = models.PositiveSmallIntegerField(null=True, blank=True, default=90)
    # Webhooks of Stripe, as they came in, are deleted after so many days; empty or 0: never.
    stripe_event_days = models.PositiveSmallIntegerField(null=True, blank=True, default=90)
    # Whether Models & pricing and the estimator are open to people who have not signed in.
    public_prices = models.BooleanField(default=True)
    # A dearer price takes effect so many hours after it was read, so that those who use the model hear of it before.
    price_rise_notice_hours = models.PositiveSmallIntegerField(default=24, validators=[MaxValueValidator(24 * 90)])
    # Guards of a refresh: a change of more percent waits for approval; a reading that lacks more percent is refused.
    price_jump_percent = models.PositiveSmallIntegerField(default=25)
    price_vanish_percent = models.PositiveSmallIntegerField(default=10, validators=[MaxValueValidator(100)])
    # Credits that staff may give, take, refund or extend alone; more needs a second person. Empty or 0: any.
    second_person_above = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    maintenance_hour = models.PositiveSmallIntegerField(default=3)  # of the day (UTC), when few requests come in

    class Meta:
        verbose_name = verbose_name_plural = "site settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="site_settings_one_row"),
            models.CheckConstraint(condition=models.Q(usd_per_credit__gt=0), name="site_usd_per_credit_positive"),
            models.CheckConstraint(
                condition=models.Q(velocity_minimum__gte=0), name="site_velocity_minimum_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(second_person_above__gte=0), name="site_second_person_above_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(price_vanish_percent__lte=100), name="site_price_vanish_percent_of_hundred"
            ),
            models.CheckConstraint(condition=models.Q(maintenance_hour__lt=24), name="site_maintenance_hour_of_a_day"),
            models.CheckConstraint(
                condition=models.Q(accent_light__regex=r"^(#[0-9a-f]{6})?$", accent_dark__regex=r"^(#[0-9a-f]{6})?$"),
                name="site_accents_are_colours",
            ),
        ]

    def __str__(self) -> str:
        return self.product_name
