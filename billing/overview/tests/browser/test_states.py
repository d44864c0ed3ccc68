"""The four billing states and every other page, on two sizes and in two themes: no error, no sideways scrolling, no
accessibility violation."""

import pytest

from accounts.models import Workspace
from billing.ledger.models import Hold, Lot, Transfer
from billing.metering.models import UsageEvent
from billing.overview.lotpage import lot_days
from billing.overview.tests import scenarios
from billing.overview.tests.browser.conftest import Visit, Visiting

TEXT = {
    "healthy": "Spends next",
    "low": "is running low on credits",
    "stopped": "Requests are paused",
    "new": "Two steps to your first request",
}


def pages(states: dict[str, Workspace]) -> list[tuple[str, str]]:
    """Address and a text of every page but the overview, with and without data."""
    workspace = states["healthy"]
    scenarios.repriced()
    scenarios.busy(workspace)
    scenarios.budgeted(workspace)
    healthy, fresh = (f"/w/{states[state].public_id}" for state in ("healthy", "new"))
    event = UsageEvent.objects.filter(workspace=states["healthy"], amount__gt=0).latest("pk")
    entry = Transfer.objects.filter(workspace=states["healthy"], kind="usage.spend").latest("pk")
    hold = Hold.objects.filter(workspace=workspace)
    lot = Lot.objects.get(workspace=workspace, label="Top-up, second")
    day = lot_days(lot.pk).days[0]
    back = Transfer.objects.get(workspace=workspace, kind="usage.reverse")
    given_back = UsageEvent.objects.get(reversal__operation_id=back.operation_id)
    settled = hold.get(resolution__kind="settle")
    return [
        (f"{healthy}/", "on hold"),
        (f"{healthy}/budgets/", "Paused keys"),
        (f"{fresh}/budgets/", "No budgets yet"),
        (f"{healthy}/budgets/new", "When it is used up"),
        (f"{healthy}/budgets/{workspace.budgets.earliest('pk').pk}", "starts anew on"),
        (f"{healthy}/budgets/{workspace.budgets.earliest('pk').pk}/remove", "Remove the budget"),
        (f"{healthy}/credits/holds", "How well holds fitted"),
        (f"{fresh}/credits/holds", "No request has set credits aside yet"),
        (f"{healthy}/credits/holds/{settled}", "What it cost"),
        (f"{healthy}/credits/holds/{hold.latest('pk')}", "Open until"),
        (f"{healthy}/credits/lots/{lot.pk}", "Where it went"),
        (f"{healthy}/credits/lots/{lot.pk}/entries?first={day.first}&last={day.last}", "From this lot"),
        (f"{healthy}/activity/{back.seq}", "Put back into"),
        (f"{healthy}/activity/{settled.resolution.operation.transfers.earliest('seq').seq}", "The whole operation"),
        (f"{healthy}/activity/{lot.seq}", "Taken back by"),
        (f"{healthy}/activity/requests/{given_back.pk}", "This charge was taken back"),
        (f"{healthy}/usage/requests", "the latest first"),
        (f"{healthy}/usage", "Spend by model"),
        (f"{fresh}/usage", "No usage in these days"),
        (f"{healthy}/usage?by=meter&metric=quantity", "Choose one meter"),
        (f"{healthy}/activity", "Credits bought"),
        (f"{fresh}/activity", "Nothing here yet"),
        (f"{healthy}/activity?show=entries", "Available after"),
        (f"{healthy}/activity/hours/{event.booked_at:%Y-%m-%dT%H}", "Requests"),
        (f"{healthy}/activity/requests/{event.pk}", "What was counted"),
        (f"{healthy}/activity/{entry.seq}", "The digest covers"),
        (f"{healthy}/models", "own services"),
        (f"{healthy}/models?q=zzz", "No model matches"),
        (f"{healthy}/models?modality=text&sort=cost&m=openai/gpt-4o&m=deepgram/nova-3", "Compare 2 models"),
        (f"{fresh}/models", "Once you have used a model"),
        (f"{healthy}/models/openai/gpt-4o", "Price history"),
        (f"{healthy}/models/anthropic/claude-sonnet-4-5?in=usd&per=1m", "Prices will change"),
        (f"{healthy}/models/compare", "No models chosen yet"),
        (f"{healthy}/models/compare?m=openai/gpt-4o&m=openai/gpt-4o-mini&m=deepgram/nova-3", "of different types"),
        (f"{healthy}/models/compare?m=openai/gpt-4o&add=e", "Add"),
        ("/pricing?in=usd&per=1m", "Create an account"),
        ("/pricing?free=1", "No model that matches is free"),
        ("/pricing/anthropic/claude-sonnet-4-5", "Price history"),
        ("/pricing/compare?m=openai/gpt-4o&m=anthropic/claude-sonnet-4-5", "Lowest"),
        (f"{healthy}/credits", "Which credits are spent first"),
        (f"{fresh}/credits", "No credits yet"),
        (f"{healthy}/credits/proof", "Check against an older head"),
        (f"{fresh}/credits/proof", "none yet"),
        (f"{healthy}/credits/statement", "Chain head"),
        (f"{fresh}/credits/statement", "There was nothing yet"),
        (f"{healthy}/api", "What would it cost?"),
        (f"{healthy}/api?in=typescript", "await purser.estimate"),
        (f"{fresh}/api", "402 insufficient_credits"),
    ]


def test_the_four_states_are_clean(four_states: dict[str, Workspace], tab: Visit) -> None:
    paths = {f"/w/{four_states[state].public_id}/": text for state, text in TEXT.items()}
    wrong = []
    for path, text in paths.items():
        wrong += tab.wrong_at(path, text)
    assert wrong == []


def test_every_other_page_is_clean(four_states: dict[str, Workspace], tab: Visit) -> None:
    wrong = []
    for path, text in pages(four_states):
        wrong += tab.wrong_at(path, text)
    assert wrong == []


@pytest.mark.parametrize("width", [1280, 390])
def test_menus_open_without_a_script_and_are_clean(
    four_states: dict[str, Workspace], visit: Visiting, width: int
) -> None:
    tab, low = visit(width), four_states["low"]
    page = tab.open(f"/w/{four_states['healthy'].public_id}/")
    if width < 500:
        page.get_by_role("button", name="Open menu").click()
    page.get_by_role("button", name="Switch workspace").click()
    assert page.get_by_role("link", name="Low Tide Labs").is_visible()
    assert tab.violations("#workspace-menu") == []  # what it covers cannot be hit meanwhile
    page.get_by_role("link", name="Low Tide Labs").click()
    page.wait_for_url(f"**/{low.public_id}/")


def test_the_error_page_is_clean(four_states: dict[str, Workspace], visit: Visiting) -> None:
    tab = visit(width=390)
    page = tab.open("/w/ws_nobody/")
    assert "This page does not exist" in page.inner_text("h1")
    assert tab.violations() == []
    assert tab.problems.pop().startswith("Failed to load resource: the server responded with a status of 404")
