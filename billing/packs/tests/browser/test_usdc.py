"""Payments in USDC in a real browser: the pages, the commands that are copied, and the stand-in's transaction."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import ApiKey, Workspace
from billing.credits import clock
from billing.overview.tests.browser.conftest import Visit, Visiting
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.tests.rows import in_review
from portal.standin_usdc import pay as paying
from portal.testing.simulated_usdc import SimulatedUsdc

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(
    simulated_usdc: SimulatedUsdc,
    workspace: Workspace,
    workspace_key: Callable[..., tuple[ApiKey, str]],
    live_server: LiveServer,
) -> CryptoPayment:
    """One that is credited, one that waits for a decision, one on its way."""
    assert paying.main(["--url", live_server.url, "--key", workspace_key()[1], "5"]) == 0
    in_review(workspace)
    on_its_way = in_review(workspace, nonce="2")
    CryptoPayment.objects.filter(pk=on_its_way.pk).update(
        state="settling", transaction="", leased_until=clock.now().replace(year=2999)
    )
    return CryptoPayment.objects.get(state="credited")


def test_the_pages_are_accessible_and_fit(tab: Visit, paid: CryptoPayment, workspace: Workspace) -> None:
    for path, text in (
        ("credits", "Not in the balance yet"),
        ("credits/buy", "Pay in USDC"),
        ("credits/usdc", "Test money"),
    ):
        assert tab.wrong_at(f"/w/{workspace.public_id}/{path}", text) == []
    assert tab.wrong_at(paid.transaction_url, "5.00 test USDC moved") == []


def test_commands_are_copied_and_the_transaction_is_shown(
    visit: Visiting, paid: CryptoPayment, workspace: Workspace, live_server: LiveServer
) -> None:
    tab = visit(permissions=["clipboard-read", "clipboard-write"])
    page = tab.open(f"/w/{workspace.public_id}/credits")
    for name, beginning in (
        ("Copy: try it on this machine", f".venv/bin/python -m portal.standin_usdc.pay --url {live_server.url} "),
        ("Copy: Python for your agent", '# pip install "x402[evm,requests]"'),  # while it is folded
    ):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_text("Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()").startswith(beginning)
        expect(page.get_by_text("Copied")).to_be_hidden()
    page.get_by_role("link", name=f"Transaction {paid.transaction[:10]}").click()
    expect(page.get_by_role("heading", name="5.00 test USDC moved")).to_be_visible()
    expect(page.get_by_text("no explorer knows it")).to_be_visible()


def test_without_javascript_it_is_all_there(visit: Visiting, paid: CryptoPayment, workspace: Workspace) -> None:
    page = visit(java_script_enabled=False).open(f"/w/{workspace.public_id}/credits")
    expect(page.get_by_role("button", name="Copy: Python for your agent")).to_be_hidden()
    page.get_by_text("Show it").click()
    expect(page.get_by_text("register_exact_evm_client(client")).to_be_visible()
