"""How the demo's people pay: in Checkout, at the simulated payments, with their clock set back as well."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from django.conf import settings

from accounts.models import User, Workspace
from billing.credits import clock
from billing.packs.buying import purchase_begin
from billing.packs.fulfilment import purchase_look
from billing.packs.views import back_to
from billing.plans.selectors import current_subscription
from billing.plans.subscribing.change import change_confirm, change_look
from billing.plans.subscribing.choices import choice_find
from billing.plans.subscribing.giving import subscription_stop
from billing.plans.subscribing.notices import attend
from billing.plans.subscribing.preview import change_preview
from billing.plans.subscribing.views import back_to as plan_back_to
from portal.standin.client import StandInClient, StandInError

CARD = "4242424242424242"
# The portal's clock is a little ahead of theirs, which goes on while they are asked: nothing they say is in its future.
AHEAD = timedelta(seconds=30)


class Payments(Protocol):
    """What is paid in the story, each at an instant of it."""

    def subscribe(self, workspace: Workspace, plan: str, interval: str, *, by: User, at: datetime) -> None: ...
    def renew(self, workspace: Workspace) -> None: ...
    def buy(self, workspace: Workspace, pack: str, *, by: User, at: datetime) -> None: ...
    def stop(self, workspace: Workspace, *, by: User) -> None: ...


class Till:
    """The same services as customers use, and the stand-in that they pay at."""

    def __init__(self, standin: StandInClient) -> None:
        self.standin = standin

    def subscribe(self, workspace: Workspace, plan: str, interval: str, *, by: User, at: datetime) -> None:
        """Begin, or change to, a plan: previewed, confirmed, paid."""
        with self._at(at):
            choice = choice_find(workspace, plan=plan, tier=0, interval=interval)
            change, _ = change_preview(workspace=workspace, choice=choice, key=story_key(workspace, plan, at), actor=by)
            change = change_confirm(change=change, back=plan_back_to(_absolute), actor=by)
            if change.session_id:
                self._pay(change.session_id)
                change = change_look(change)
        must(change.status == change.Status.DONE, f"{workspace} did not get to {plan}: {change.status}")

    def renew(self, workspace: Workspace) -> None:
        """Its paid time is over: Stripe charges, and is asked."""
        row = current_subscription(workspace.pk)
        if row is not None and row.stripe_id and row.paid_until:
            with self._at(row.paid_until + 2 * AHEAD):
                attend(row.stripe_id)

    def buy(self, workspace: Workspace, pack: str, *, by: User, at: datetime) -> None:
        with self._at(at):
            key = story_key(workspace, pack, at)
            purchase, _ = purchase_begin(
                workspace=workspace, pack_key=pack, key=key, back=partial(back_to, _absolute), buyer=by
            )
            self._pay(str(purchase.session_id))
            purchase = purchase_look(purchase)
        must(purchase.status == purchase.Status.FULFILLED, f"{workspace} did not get {pack}: {purchase.status}")

    def stop(self, workspace: Workspace, *, by: User) -> None:
        """End what is paid for at once."""
        row = current_subscription(workspace.pk)
        if row is not None and row.stripe_id:
            subscription_stop(row=row, now=True, reason="The demo was interrupted", actor=by)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """A story of the past: nobody hears of it but who asks, and at its end it is the present again."""
        self.standin.post("_control/deliveries", held=True)
        try:
            yield
        finally:
            self.standin.post("_control/clock", ahead=0)
            self.standin.post("_control/deliveries/drop")
            self.standin.post("_control/deliveries")

    @contextmanager
    def _at(self, instant: datetime) -> Iterator[None]:
        theirs = int((instant - AHEAD - datetime.now(UTC)).total_seconds())
        self.standin.post("_control/clock", ahead=theirs)
        with clock.at(instant):
            yield

    def _pay(self, session: str) -> None:
        answer = self.standin.post(f"_hosted/checkout/{session}/pay", number=CARD)
        must("redirect" in answer, f"the demo's card was not taken: {answer}")


def till() -> Till | None:
    """None where nothing that simulates payments answers."""
    if not settings.SIMULATED_PAYMENTS:
        return None
    standin = StandInClient(settings.STRIPE_API_HOST, settings.STANDIN_TOKEN)
    try:
        standin.get("_control/clock")
    except StandInError:
        return None
    return Till(standin)


def story_key(workspace: Workspace, what: str, at: datetime) -> str:
    return f"demo:{workspace.pk}:{what}:{at:%Y-%m-%d}"


def _absolute(path: str) -> str:
    return f"{settings.SITE_URL}{path}"


def must(held: bool, otherwise: str) -> None:
    if not held:
        raise RuntimeError(otherwise)
