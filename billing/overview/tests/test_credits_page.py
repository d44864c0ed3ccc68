from django.conf import LazySettings
from django.test import Client

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site
from billing.ledger.models import Lot


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


def test_each_lot_says_where_it_came_from_and_what_expires_next_is_told(
    alice_client: Client, northwind: Workspace
) -> None:
    text = page(alice_client, northwind)
    assert "Next to expire:" in text
    following = text.split('id="next-to-expire"')[1].split("</p>")[0]
    first = min(lot for lot in Lot.objects.filter(workspace=northwind).values_list("expires_at", "label") if lot[0])
    assert first[1] in following
    assert "<span>Promotional, " in text
    assert "<span>Purchased, " in text


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


def test_credits_are_bought_here_by_who_may(alice_client: Client, bob_client: Client, fresh: Workspace) -> None:
    text = page(alice_client, fresh)
    assert f'href="/w/{fresh.public_id}/credits/buy"' in text
    bob = User.objects.get(email="bob@example.com")
    Membership.objects.get_or_create(workspace=fresh, user=bob, defaults={"role": Role.VIEWER})
    text = page(bob_client, fresh)
    assert "/credits/buy" not in text
    assert "Owners, admins and billing managers" in text


def test_adding_credits_is_explained_honestly(alice_client: Client, fresh: Workspace, settings: LazySettings) -> None:
    settings.STRIPE_SECRET_KEY = ""
    SiteSettings.objects.update_or_create(pk=1, defaults={"support_email": "billing@operator.example"})
    forget_site()
    text = page(alice_client, fresh)
    assert 'id="add"' in text
    assert "mailto:billing@operator.example" in text
    assert fresh.public_id in text
    assert "No credits yet" in text


def test_without_a_support_address_no_dead_link_is_shown(alice_client: Client, fresh: Workspace) -> None:
    assert "mailto:" not in page(alice_client, fresh)
