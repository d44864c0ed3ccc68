from django.test import Client

from accounts.models import Workspace
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site


def page(client: Client, workspace: Workspace) -> str:
    response = client.get(f"/w/{workspace.public_id}/credits")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_lots_stand_in_burn_order(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind)
    places = [text.index(label) for label in ("Launch credits", "Top-up, second", "Top-up, first", "Spring promotion")]
    assert places == sorted(places)
    assert "Spends next" in text
    assert "Never expires" in text
    assert "Scheduled" in text


def test_the_rule_is_written_down(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind)
    assert "What expires soonest" in text
    assert "plan credits, then promotional, then purchased" in text


def test_allowances_of_the_plan_are_counted(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind)
    assert "Input characters" in text
    assert "of 500,000 used" in text


def test_used_up_lots_and_debt_are_shown(alice_client: Client, stopped: Workspace) -> None:
    text = page(alice_client, stopped)
    assert "Used up" in text
    assert "Every lot is used up or expired" in text
    assert "were used beyond the balance" in text


def test_adding_credits_is_explained_honestly(alice_client: Client, fresh: Workspace) -> None:
    SiteSettings.objects.update(support_email="billing@operator.example")
    forget_site()
    text = page(alice_client, fresh)
    assert 'id="add"' in text
    assert "mailto:billing@operator.example" in text
    assert fresh.public_id in text
    assert "No credits yet" in text


def test_without_a_support_address_no_dead_link_is_shown(alice_client: Client, fresh: Workspace) -> None:
    assert "mailto:" not in page(alice_client, fresh)
