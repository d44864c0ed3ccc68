"""The frame of a signed-in page: which workspace, whose, with which balance, and where its links lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts import context as people
from accounts.models import Workspace
from accounts.roles import Role
from accounts.viewing import Viewing
from billing.alerts.notices.standing import Shown, Standing, standing_of
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import site
from billing.ledger.selectors import Balance, balance
from billing.overview.balance import mark_of, shown_state
from billing.plans.limits import limits_for

BANNERS = 2  # at once: more would push away what the page is about
API_REFERENCE = "/api/v1/docs"
STATES = {"healthy": "healthy", "low": "low", "stopped": "requests paused", "new": "nothing added yet"}


@dataclass(frozen=True)
class Pill:
    """The balance in the top bar."""

    amount: int  # nano-credits
    unit: str
    state: str
    url: str

    @property
    def state_text(self) -> str:
        return STATES[self.state]


PAGES = {
    "overview": "overview:home",
    "usage": "overview:usage",
    "activity": "overview:activity",
    "models": "overview:models",
    "estimate": "insights:estimate",
    "credits": "overview:credits",
    "keys": "accounts:keys",
    "projects": "accounts:projects",
    "team": "accounts:team",
    "settings": "accounts:workspace",
    "live": "overview:live",
    "usage_csv": "overview:usage-csv",
    "usage_requests": "overview:requests",
    "holds": "overview:holds",
    "budgets": "budgets:list",
    "alerts": "overview:alerts",
}


class Shell:
    """Worked out as far as the template asks."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def _people(self) -> dict[str, Any]:
        return people.shell(self.request)

    @property
    def workspace(self) -> Workspace | None:
        workspace: Workspace | None = self._people["workspace"]
        return workspace

    @property
    def workspaces(self) -> list[Workspace]:
        return [membership.workspace for membership in self._people["memberships"]]

    @property
    def may(self) -> dict[str, bool]:
        allowed: dict[str, bool] = self._people["may"]
        return allowed

    @property
    def visit(self) -> bool:
        """Whether a portal link began this session: it reaches this workspace only."""
        visit: bool = self._people["visit"]
        return visit

    @property
    def viewing(self) -> Viewing | None:
        """Set while staff look at this customer's pages."""
        found: Viewing | None = self._people["viewing"]
        return found

    @property
    def role_name(self) -> str:
        membership = self._people["membership"]
        return Role(membership.role).label if membership else ""

    @property
    def initials(self) -> str:
        words = str(self.request.user).replace("@", " ").split()
        return "".join(word[0] for word in words[:2])

    @property
    def site(self) -> SiteSettings:
        return site()

    @cached_property
    def plan_name(self) -> str:
        """ "Pro plan"; empty without one."""
        name = limits_for(self.workspace.pk).plan_name if self.workspace else ""
        return f"{name} plan" if name else ""

    @cached_property
    def urls(self) -> dict[str, str]:
        if self.workspace is None:
            return {}
        found = {name: reverse(view, args=[self.workspace.public_id]) for name, view in PAGES.items()}
        # Whoever may not buy reads there whom to ask.
        buy = reverse("packs:buy", args=[self.workspace.public_id]) if self.may.get("manage_billing") else ""
        return {**found, "add_credits": buy or found["credits"] + "#add", "api_docs": API_REFERENCE}

    @cached_property
    def balance(self) -> Balance | None:
        return balance(self.workspace.pk) if self.workspace else None

    @cached_property
    def standing(self) -> Standing | None:
        """Unread notices, and what needs doing."""
        if self.balance is None:
            return None
        return standing_of(self._people["membership"], self.balance)

    @property
    def needs(self) -> Sequence[Shown]:
        """The most urgent of what needs doing, for the page."""
        return self.standing.needs[:BANNERS] if self.standing else ()

    @property
    def needs_beside_balance(self) -> Sequence[Shown]:
        """The same for a page that has a banner of the balance of its own."""
        found = self.standing.needs if self.standing else ()
        others = [shown for shown in found if not shown.need.of_balance]
        return others[: BANNERS - 1 if len(others) < len(found) else BANNERS]

    @cached_property
    def mark(self) -> str:
        """What the page shows of the balance; a poll with the same mark is answered with nothing."""
        return mark_of(self.balance) if self.balance else ""

    @cached_property
    def pill(self) -> Pill | None:
        if self.balance is None:
            return None
        return Pill(
            amount=self.balance.available,
            unit=site().credit_name_plural,
            state=shown_state(self.balance),
            url=self.urls["overview"],
        )
