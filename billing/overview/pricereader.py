"""Who looks at prices: a workspace, which pays its own and has usage to compare by, or anybody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.urls import reverse

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.ledger.selectors import balance
from billing.metering.selectors.work import Work, costs, costs_on, works
from billing.pricing.names import Key
from billing.pricing.selectors import ModelListing
from billing.pricing.terms import Terms, terms_for


@dataclass(frozen=True)
class Reader:
    workspace: Workspace | None = None

    @property
    def public(self) -> bool:
        return self.workspace is None

    @property
    def terms(self) -> Terms:
        """What the workspace agreed on, with what holds for everybody."""
        return terms_for(self.workspace.pk if self.workspace else None)

    @property
    def special(self) -> bool:
        """Whether some prices may not be those of the list."""
        return self.terms is not terms_for(None)

    @cached_property
    def available(self) -> int | None:
        """Nano-credits; None for those who have no balance."""
        return balance(self.workspace.pk).available if self.workspace else None

    @cached_property
    def works(self) -> Mapping[str, Work]:
        return works(self.workspace) if self.workspace else {}

    @cached_property
    def costs(self) -> Mapping[Key, Decimal]:
        """USD that the workspace's last 30 days would cost on each model; nothing for those without usage."""
        if self.workspace is None or not self.works:
            return {}
        return costs(self.workspace, usd_per_credit=site().usd_per_credit)

    def costs_on(self, models: Iterable[ModelListing]) -> Mapping[Key, Decimal]:
        """The same for a few of them, without asking what the rest would cost."""
        return costs_on(self.works, models, now=clock.now(), terms=self.terms) if self.works else {}

    @cached_property
    def urls(self) -> Mapping[str, str]:
        return {name.replace("-", "_"): self._url(name) for name in ("models", "compare", "models-csv")}

    def model_url(self, ref: str) -> str:
        return self._url("model", ref)

    def _url(self, name: str, *args: str) -> str:
        if self.workspace is None:
            return reverse(f"pricing:{name}", args=args)
        return reverse(f"overview:{name}", args=[self.workspace.public_id, *args])
