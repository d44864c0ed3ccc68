"""A workspace's saved cards: kept at Stripe, shown and changed here. What Stripe refuses becomes words for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.gateway.checkout import Back, checkout_setup, portal_url
from billing.gateway.customers import customer_id
from billing.gateway.errors import GatewayError, NotConnected
from billing.gateway.errors import Refused as StripeRefused
from billing.gateway.expiring import end_of
from billing.gateway.looking import connected
from billing.gateway.payments import Card, card_default, card_remove
from billing.gateway.payments import cards as cards_at_stripe
from billing.gateway.waiting import waiting
from billing.invoices.profiles import recipients
from billing.packs.autotopup.settings import card_was_removed
from billing.packs.errors import CardsDown, PaymentsOff

SOON = timedelta(days=30)


@dataclass(frozen=True)
class ShownCard:
    id: str
    brand: str
    last4: str
    expires: str  # "04 / 2027"
    default: bool
    state: str  # good, soon, expired


def cards_shown(workspace: Workspace) -> list[ShownCard]:
    """The one that is charged first, then newest first. Raises PaymentsOff, CardsDown."""
    if not connected():
        raise PaymentsOff
    with _in_words():
        found = cards_at_stripe(workspace)
    return sorted((_shown(card) for card in found), key=lambda card: not card.default)


def card_named(workspace: Workspace, method: str) -> ShownCard | None:
    return next((card for card in cards_shown(workspace) if card.id == method), None)


def card_add(*, workspace: Workspace, key: str, page: str) -> str:
    """The address of a Checkout page that saves a card, and comes back to `page`. Raises Refused."""
    readers = recipients(workspace)
    with _in_words():
        session = checkout_setup(
            workspace=workspace,
            currency="usd",
            back=Back(f"{page}?saved=1", page),
            key=f"card:{workspace.public_id}:{key[:100]}",
            metadata={"workspace": workspace.public_id},
            email=readers[0] if readers else "",
        )
    return session.url


def at_stripe(workspace: Workspace) -> bool:
    """Whether Stripe has anything of the workspace to look after."""
    return customer_id(workspace) is not None


def manage_url(*, workspace: Workspace, page: str) -> str:
    """The address of Stripe's own page for cards and invoices, which comes back to `page`. Raises Refused."""
    with _in_words("Stripe's own page is not set up here. Nothing was changed; cards can be looked after on this one."):
        return portal_url(workspace=workspace, return_url=page)


def card_prefer(*, workspace: Workspace, method: str, actor: User, request: HttpRequest | None = None) -> None:
    """Charge this one from now on. Raises Refused."""
    with _in_words():
        card_default(workspace=workspace, method=method)
    record(action="card.preferred", actor=actor, workspace=workspace, target=method, request=request)


def card_forget(*, workspace: Workspace, method: str, actor: User, request: HttpRequest | None = None) -> None:
    """Raises Refused."""
    with _in_words():
        card_remove(workspace=workspace, method=method)
    card_was_removed(workspace=workspace, method=method, by=actor)
    record(action="card.removed", actor=actor, workspace=workspace, target=method, request=request)


def _shown(card: Card) -> ShownCard:
    ends, now = end_of(card.exp_year, card.exp_month), clock.now()
    state = "expired" if ends <= now else "soon" if ends <= now + SOON else "good"
    return ShownCard(
        card.id,
        card.brand.replace("_", " ").title(),
        card.last4,
        f"{card.exp_month:02d} / {card.exp_year}",
        card.default,
        state,
    )


GONE = "That did not work: the card is not there any more. Nothing was changed."


@contextmanager
def _in_words(refused: str = GONE) -> Iterator[None]:
    try:
        with waiting():
            yield
    except NotConnected as error:
        raise PaymentsOff from error
    except StripeRefused as error:
        raise Refused(refused) from error
    except GatewayError as error:
        raise CardsDown from error
