from html import unescape

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant, low_bound_set
from billing.overview.balance import mark_of
from billing.overview.tests.holding import place


def poll(client: Client, workspace: Workspace, mark: str, on: str = "overview") -> tuple[int, str]:
    response = client.get(f"/w/{workspace.public_id}/live", {"mark": mark, "on": on}, headers={"HX-Request": "true"})
    return response.status_code, unescape(response.content.decode())


def test_nothing_is_sent_while_nothing_changed(alice_client: Client, northwind: Workspace) -> None:
    assert poll(alice_client, northwind, mark_of(balance(northwind.pk))) == (204, "")


def test_a_change_brings_every_place_that_shows_the_balance(alice_client: Client, northwind: Workspace) -> None:
    mark = mark_of(balance(northwind.pk))
    credits_grant(workspace_id=northwind.pk, key="live", amount=5_000 * NANO, label="Live grant")
    status, text = poll(alice_client, northwind, mark)
    assert status == 200
    for part in ("balance-pill", "billing-banner", "balance", "lots"):
        assert f'id="{part}"' in text
    assert text.count("hx-swap-oob") == 4
    assert "Live grant" in text
    assert f"mark={mark_of(balance(northwind.pk))}&on=overview" in text


def test_other_pages_get_the_pill_alone(alice_client: Client, northwind: Workspace) -> None:
    status, text = poll(alice_client, northwind, "0-new-0", on="")
    assert status == 200
    assert text.count("hx-swap-oob") == 1
    assert 'id="balance-pill"' in text
    assert "on=overview" not in text


def test_the_credits_page_gets_its_lots_and_what_is_on_hold(alice_client: Client, northwind: Workspace) -> None:
    mark = mark_of(balance(northwind.pk))
    place(northwind, 5 * NANO)
    status, text = poll(alice_client, northwind, mark, on="credits")
    assert status == 200
    for part in ("balance-pill", "usable", "on-hold"):
        assert f'id="{part}"' in text
    assert text.count("hx-swap-oob") == 3
    assert f"mark={mark_of(balance(northwind.pk))}&on=credits" in text


def test_a_change_of_state_without_a_change_of_balance_is_a_change(alice_client: Client, northwind: Workspace) -> None:
    mark = mark_of(balance(northwind.pk))
    low_bound_set(workspace_id=northwind.pk, bound=10**6 * NANO)
    status, text = poll(alice_client, northwind, mark)
    assert status == 200
    assert 'data-state="low"' in text


def test_a_poll_reads_the_wallet_and_no_usage(alice_client: Client, northwind: Workspace) -> None:
    mark = mark_of(balance(northwind.pk))
    poll(alice_client, northwind, mark)
    with CaptureQueriesContext(connection) as context:
        poll(alice_client, northwind, mark)
    ours = [query["sql"] for query in context if '"ledger_' in query["sql"] or "metering_" in query["sql"]]
    assert len(ours) == 1
    assert "ledger_wallet" in ours[0]


def test_spending_to_zero_is_seen(alice_client: Client, northwind: Workspace) -> None:
    mark = mark_of(balance(northwind.pk))
    available = balance(northwind.pk).available
    credits_adjust(workspace_id=northwind.pk, key="zero", amount=-available, reason="test", actor="operator")
    _status, text = poll(alice_client, northwind, mark)
    assert 'data-state="stopped"' in text
    assert "Requests are paused" in text
