"""The price list without an account."""

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site
from portal.testing.fixtures import client_of

PAGES = ("/pricing", "/pricing/compare?m=openai/gpt-4o", "/pricing/openai/gpt-4o", "/pricing/models.csv")


def switched_off() -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"public_prices": False})
    forget_site()


@pytest.mark.parametrize("path", PAGES)
def test_everybody_sees_list_prices_and_caches_keep_them(prices: None, client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response["Cache-Control"] == "public, max-age=300"
    assert "Cookie" not in response["Vary"]
    assert "HX-Request" in response["Vary"]
    assert not response.cookies
    text = b"".join(response).decode()
    assert "openai/gpt-4o" in text
    assert "csrf" not in text.lower()


@pytest.mark.parametrize("path", PAGES[:3])
def test_what_is_kept_is_the_same_for_whoever_asks(northwind: Workspace, alice: User, path: str) -> None:
    """Nothing of a workspace, of a session, or of the theme that somebody chose."""
    signed_in = client_of(alice)
    signed_in.cookies["theme"] = "dark"
    text = signed_in.get(path).content.decode()
    assert text == Client().get(path).content.decode()
    for word in ("Northwind", "Your month", "Left</th>", "alice", "data-theme="):
        assert word not in text


@pytest.mark.parametrize("path", PAGES)
def test_the_operator_can_switch_it_off(prices: None, client: Client, path: str) -> None:
    switched_off()
    response = client.get(path)
    assert response.status_code == 404
    assert "public" not in response.get("Cache-Control", "")
    assert "/pricing" not in response.content.decode()


def test_signed_out_pages_lead_to_it_only_when_it_is_on(prices: None, client: Client) -> None:
    link = 'href="/pricing"'
    assert link in client.get("/accounts/login/").content.decode()
    switched_off()
    assert link not in client.get("/accounts/login/").content.decode()


def test_it_leads_to_an_account(prices: None, client: Client) -> None:
    text = client.get("/pricing").content.decode()
    assert 'href="/accounts/signup/"' in text
    assert 'href="/accounts/login/"' in text
    assert 'href="/estimate"' in text


def test_nobody_sorts_by_usage_that_is_not_there(prices: None, client: Client) -> None:
    assert "What you would pay" not in client.get("/pricing", {"sort": "cost"}).content.decode()


def test_the_part_for_htmx_is_kept_apart_from_the_page(prices: None, client: Client) -> None:
    part = client.get("/pricing", {"q": "gpt"}, headers={"HX-Request": "true", "HX-Target": "price-list"})
    assert part.content.decode().strip().startswith('<div id="price-list"')
    assert {"HX-Request", "HX-Target"} <= {name.strip() for name in part["Vary"].split(",")}


def test_the_file_has_no_markup(prices: None, client: Client) -> None:
    head = b"".join(client.get("/pricing/models.csv").streaming_content).decode().splitlines()[0]
    assert head.split(",") == [
        *("model", "provider", "name", "modality", "context_window", "retired", "meter", "variant", "unit", "per"),
        *("price_usd", "credits"),
    ]


def test_before_there_is_a_catalogue_it_says_so(db: None, client: Client) -> None:
    assert "No prices yet" in client.get("/pricing").content.decode()
    assert client.get("/pricing/openai/gpt-4o").status_code == 404


def test_it_only_reads(prices: None, client: Client) -> None:
    assert client.post("/pricing").status_code == 405
