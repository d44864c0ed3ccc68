"""Previews in words: what happens to money, credits and allowances. Kept with the preview, as it was shown."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.credits.format import credits_text
from billing.foundation.site.naming import named
from billing.foundation.site.selectors import site
from billing.invoices.money import money_text, plain
from billing.metering.selectors.days import zone
from billing.plans.models import AutoUpgrade, Interval, Subscription, SubscriptionChange
from billing.plans.shown import version_differences
from billing.plans.subscribing.choices import Choice, choice_of, default_choice, next_choice, waits

if TYPE_CHECKING:
    from billing.plans.subscribing.preview import Plan

Kind = SubscriptionChange.Kind
EVERY = {Interval.MONTH.value: "month", Interval.YEAR.value: "year"}


def sentences(row: Subscription | None, choice: Choice | None, plan: Plan) -> list[str]:
    """In the workspace's time zone."""
    return [*_of(row, choice, plan), *_automatic(row, choice, plan)]


def _automatic(row: Subscription | None, choice: Choice | None, plan: Plan) -> list[str]:
    """Agreements to automatic upgrades are to tiers of one version (`periods.versions.limits_give`)."""
    if row is None or plan.kind == Kind.KEEP:
        return []
    agreed = AutoUpgrade.objects.filter(workspace=row.workspace_id, withdrawn_at=None).select_related("highest").first()
    if agreed is None or (choice is not None and agreed.highest.version_id == choice.version.pk):
        return []
    then = "" if plan.kind in (Kind.START, Kind.UPGRADE) else " then"
    anew = "; agree to them anew" if choice is not None else ""
    return [f"Automatic upgrades are switched off{then}{anew}."]


def _of(row: Subscription | None, choice: Choice | None, plan: Plan) -> list[str]:
    says = _Says(row)
    if plan.kind == Kind.START and choice is not None:
        return says.start(choice, plan)
    if plan.kind == Kind.UPGRADE and choice is not None:
        return says.now(choice, plan)
    if plan.kind == Kind.DOWNGRADE and choice is not None:
        return says.later(choice, plan)
    return says.cancel(plan) if plan.kind == Kind.CANCEL else says.keep(plan)


def money(cents: int) -> str:
    return money_text(cents, "usd")


def amount(nano: int) -> str:
    """ "1,000 credits"."""
    units = site().credit_name if nano == 10**9 else site().credit_name_plural
    return f"{credits_text(nano)} {units}"


def _is_own(what: str) -> bool:
    """Whether this is said of what the customer has of a version, their credit tier and interval, in its own words; or
    is only for those who begin.
    """
    each = f"{site().credit_name_plural} a month"
    return what in ("Price", "Trial", each.capitalize()) or (what.startswith("Or ") and what.endswith(each))


class _Says:
    def __init__(self, row: Subscription | None) -> None:
        self.row = row
        self.zone = zone(row.workspace.time_zone) if row else zone("UTC")

    def day(self, at: datetime | None) -> str:
        if at is None:
            return "its end"
        local = at.astimezone(self.zone)
        return f"{local.day} {local:%B %Y}"

    def start(self, choice: Choice, plan: Plan) -> list[str]:
        said: list[str] = []
        if plan.trial_days:
            said.append(
                f"The first {plan.trial_days} days are free. {money(plan.next_amount)} is charged when they are over,"
                " unless you cancel before."
            )
        else:
            said.append(f"{money(choice.price_cents)} is charged now, and then every {EVERY[choice.interval]}.")
        if plan.credits:
            said.append(f"{amount(plan.credits)} are added at once, and again every month.")
        said.append(named("The credits you have stay until their own dates."))
        said.extend(self._allowances(choice, "from now on"))
        return said

    def now(self, choice: Choice, plan: Plan) -> list[str]:
        said = self._newer(choice)
        if plan.amount_due > 0:
            said.append(f"{money(plan.amount_due)} is charged to your card now, for the time that is left.")
        elif plan.amount_due < 0:
            said.append(f"Nothing is charged now. {money(-plan.amount_due)} is taken off your next invoices.")
        else:
            said.append("Nothing is charged now.")
        if plan.credits:
            said.append(f"{amount(plan.credits)} are added now, usable until {self.day(plan.credits_until)}.")
        else:
            said.append(named("No credits are added for the rest of this period."))
        said.append(named("The credits you have stay until their own dates."))
        said.append(f"The next invoice is {money(plan.next_amount)}, on {self.day(plan.next_at)}.")
        said.extend(self._allowances(choice, "for the rest of the period, in place of what is left now"))
        return said

    def later(self, choice: Choice, plan: Plan) -> list[str]:
        assert self.row is not None  # noqa: S101 - there is something to change
        before = choice_of(self.row)
        newer = self._newer(choice)
        stays, then = (
            f"version {each.version.number} of the {each.name}" if newer else f"the {each.name}"
            for each in (before, choice)
        )
        said = [
            *newer,
            f"Nothing is charged now. You stay on {stays} until {self.day(plan.effective_at)}.",
            f"From then on it is {then}, for {money(plan.next_amount)} every {EVERY[choice.interval]}.",
        ]
        if self._more_at_once(before, choice):
            said.append(f"To have more at once, change to it by the {EVERY[before.interval]} first.")
        if choice.monthly_credits:
            said.append(f"From then on {amount(choice.monthly_credits)} are added every month.")
        said.append(named("The credits you have by then stay until their own dates."))
        said.extend(self._allowances(choice, "from then on"))
        return said

    @staticmethod
    def _more_at_once(before: Choice, choice: Choice) -> bool:
        """Whether the same by the interval that it has would begin now, with more credits."""
        if before.interval == choice.interval or choice.monthly_credits <= before.monthly_credits:
            return False
        same = Choice(choice.version, choice.tier, before.interval)
        return bool(same.price_cents) and not waits(before, same)

    def cancel(self, plan: Plan) -> list[str]:
        after = default_choice()
        return [
            f"Nothing is charged any more. Your plan runs until {self.day(plan.effective_at)}.",
            f"After that you are on the {after.name}." if after else "After that you are on no plan.",
            *(self._allowances(after, "from then on") if after else ()),
            named("Credits that were added stay until their own dates, also after that day."),
            "Until then you can take the cancellation back.",
        ]

    def keep(self, plan: Plan) -> list[str]:
        assert self.row is not None  # noqa: S101 - there is something to keep
        following = next_choice(self.row)
        gone = f"The change to the {following.name} does not happen" if following else "The cancellation is taken back"
        return [
            f"{gone}. You stay on the {choice_of(self.row).name}.",
            f"The next invoice is {money(plan.next_amount)}, on {self.day(plan.next_at)}.",
        ]

    def _newer(self, choice: Choice) -> list[str]:
        """Of another version of the same plan: whether it is dearer, and all that is different."""
        before = choice_of(self.row) if self.row else None
        if before is None or before.version.plan_id != choice.version.plan_id or before.version.pk == choice.version.pk:
            return []
        said = [f"This is the newest version of the {choice.version.plan.name} plan."]
        if before.interval == choice.interval:
            more, every = choice.price_cents - before.price_cents, EVERY[choice.interval]
            costs = f"It costs {money(choice.price_cents)} every {every}"
            than = f"{money(abs(more))} {'more' if more > 0 else 'less'} than yours"
            said.append(f"{costs}, {than}." if more else f"{costs}, as yours does.")
        said.append(self._credits(before, choice))
        differences = version_differences(before.version, choice.version)
        return said + [f"{what}: {after}, now {now}." for what, now, after in differences if not _is_own(what)]

    @staticmethod
    def _credits(before: Choice, choice: Choice) -> str:
        more = choice.monthly_credits - before.monthly_credits
        given = f"It gives {amount(choice.monthly_credits)} a month"
        than = f"{credits_text(abs(more))} {'more' if more > 0 else 'less'} than yours"
        return f"{given}, {than}." if more else f"{given}, as yours does."

    def _allowances(self, choice: Choice, when: str) -> list[str]:
        included = choice.version.allowances
        if not included:
            gone = self.row is not None and self.row.version.allowances
            return (
                [named(f"Nothing is included {when.partition(',')[0]}: every request takes credits.")] if gone else []
            )
        each = ", ".join(f"{plain(Decimal(most))} {meter.replace('_', ' ')}" for meter, most in included.items())
        return [f"Included {when}: {each}."]
