"""In the portal: a member's own averages, own plan, own prices, and nobody else's."""

from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.credits import clock
from billing.foundation.site.services import site_update
from billing.metering.events import EventInput, Source
from billing.metering.record import usage_record
from billing.plans.models import Plan, PlanVersion
from billing.plans.services import workspace_open
from billing.pricing.models import PriceOverride
from billing.pricing.terms import invalidate_terms

SERVICE = Source("service")


@pytest.fixture
def northwind(published: None, alice: User, bob: User) -> Workspace:
    workspace = workspace_open(name="Northwind AI", owner=alice, plan_key="pro")
    Membership.objects.create(workspace=workspace, user=bob, role=Role.VIEWER)
    return workspace


def get(client: Client, workspace: Workspace, query: str = "") -> str:
    response = client.get(f"/w/{workspace.public_id}/estimate" + (f"?{query}" if query else ""))
    assert response.status_code == 200, response.headers.get("Location")
    return " ".join(unescape(response.content.decode()).split())


def use(workspace: Workspace, event_id: str, model: str, **usage: int) -> None:
    at = clock.now() - timedelta(days=2)
    quantities: dict[str, Any] = {meter: Decimal(quantity) for meter, quantity in usage.items()}
    usage_record(
        workspace_id=workspace.pk, source=SERVICE, event=EventInput(event_id, model, quantities, occurred_at=at)
    )


def test_members_see_it_with_their_plan(alice_client: Client, bob_client: Client, northwind: Workspace) -> None:
    for client in (alice_client, bob_client):
        text = get(client, northwind, "conversations=1")
        assert "6 <small>credits · $0.03</small>" in text
        assert "You are on Pro, which costs $29.03 with this." in text
        assert f'href="/w/{northwind.public_id}/estimate" aria-current="page"' in text


def test_strangers_and_people_who_are_not_signed_in_do_not(
    client: Client, charlie_client: Client, northwind: Workspace
) -> None:
    address = f"/w/{northwind.public_id}/estimate"
    assert charlie_client.get(address).status_code == 404
    assert client.get(address)["Location"].startswith("/accounts/login/")


def test_it_stays_when_prices_are_not_public(alice_client: Client, northwind: Workspace) -> None:
    site_update(changes={"public_prices": False}, actor="test")
    assert "A month" in get(alice_client, northwind)


def test_without_usage_it_starts_as_for_everybody(alice_client: Client, northwind: Workspace) -> None:
    text = get(alice_client, northwind)
    assert "last 30 days" not in text
    assert 'name="model" value="openai/gpt-4o-mini"' in text


def test_it_starts_from_the_workspaces_own_averages(alice_client: Client, northwind: Workspace) -> None:
    use(northwind, "a", "openai/gpt-4o", input_tokens=4_000, cached_input_tokens=1_000, output_tokens=300)
    use(northwind, "b", "openai/gpt-4o", input_tokens=6_001, cached_input_tokens=1_500, output_tokens=401)
    use(northwind, "c", "openai/gpt-4o-mini", input_tokens=10, output_tokens=10)
    text = get(alice_client, northwind)
    assert "This starts from your last 30 days" in text
    for field, value in {"model": "openai/gpt-4o", "input": "5001", "output": "351", "cached": "25"}.items():
        assert f'name="{field}" value="{value}"' in text
        assert f'name="call_{field}" value="{value}"' in text
    assert "5,001 in, 351 out in 2 requests" in text
    assert "?model=openai/gpt-4o&input=5001&output=351&cached=25" in text  # the link to share says it all


def test_an_address_means_the_same_to_everybody(alice_client: Client, northwind: Workspace, client: Client) -> None:
    """Also one that says only what is usual: it does not start from somebody's averages."""
    use(northwind, "a", "openai/gpt-4o", input_tokens=4_000, output_tokens=300)
    response = alice_client.get(f"/w/{northwind.public_id}/estimate", {"model": "openai/gpt-4o-mini", "turns": "5"})
    assert response["Location"] == f"/w/{northwind.public_id}/estimate?conversations=1000"
    text = get(alice_client, northwind, "conversations=1000")
    assert "last 30 days" not in text
    assert 'name="model" value="openai/gpt-4o-mini"' in text
    assert "5,390 <small>credits" in text


def test_another_workspaces_usage_is_not_looked_at(alice_client: Client, charlie: User, northwind: Workspace) -> None:
    other = workspace_open(name="Other", owner=charlie)
    use(other, "a", "openai/gpt-4o", input_tokens=4_000, output_tokens=300)
    assert "last 30 days" not in get(alice_client, northwind)


def test_the_workspaces_own_version_of_a_plan_is_compared_too(alice_client: Client, northwind: Workspace) -> None:
    PlanVersion.objects.create(
        plan=Plan.objects.get(key="pro"), number=2, monthly_price_cents=4900, published_at=clock.now()
    )
    text = get(alice_client, northwind, "conversations=1")
    assert "A version that is no longer on offer" in text
    assert "$29.03" in text
    assert "$49.03" in text


def test_on_the_best_plan_already(alice_client: Client, northwind: Workspace) -> None:
    text = get(alice_client, northwind, "conversations=0&calls=5000&characters=1500&call_turns=1")
    assert "Best value: Pro" in text
    assert "You are on it already." in text


def test_prices_are_the_workspaces_own(alice_client: Client, client: Client, northwind: Workspace) -> None:
    PriceOverride.objects.create(
        workspace=northwind, provider="platform", meter="messages", price=Decimal("0.004"), per=1,
        effective_from=clock.now() - timedelta(days=1),
    )  # fmt: skip
    invalidate_terms()
    assert "Exactly 4.39 credits" in get(alice_client, northwind, "conversations=1")
    assert "Exactly 5.39 credits" in client.get("/estimate?conversations=1").content.decode()
