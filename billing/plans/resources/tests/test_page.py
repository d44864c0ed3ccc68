"""The page, the banner, and the lists of staff."""

import pytest
from django.test import Client

from accounts.models import Workspace
from billing.credits import clock
from billing.plans.models import Resource
from billing.plans.resources.tests.conftest import CONTAINER, at, delete, fund, put, work

pytestmark = pytest.mark.django_db


def page(client: Client, workspace: Workspace, query: str = "", *, day: int = 1) -> str:
    with clock.at(at(day)):
        response = client.get(f"/w/{workspace.public_id}/resources{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_without_resources_it_says_what_would_be_there(alice_client: Client, customer: Workspace) -> None:
    text = page(alice_client, customer)
    assert "Nothing runs" in text
    assert "Cost of a day" not in text
    assert "Nothing was deleted" in page(alice_client, customer, "?show=deleted")


def test_what_runs_its_cost_and_until_when_the_balance_lasts(bob_client: Client, customer: Workspace) -> None:
    fund(customer, 20 * CONTAINER)
    put(customer, "web-1", 2, project="prod")
    put(customer, "disk", "12.5", kind="storage")
    put(customer, "release", kind="deployment")
    put(customer, "old", when=at(1))
    delete(customer, "old", when=at(1))
    text = " ".join(page(bob_client, customer).split())
    assert "web-1" in text
    assert "12.5 GB" in text
    assert "293 <small>credits" in text  # 2 × 134 + 12.5 × 2
    assert "until 9 Mar 2027, 00:00" in text
    assert text.count("tag--ok") == 3
    assert ">Done<" in text
    assert "<b>old</b>" not in text
    assert "<b>old</b>" in page(bob_client, customer, "?show=deleted")
    assert "Resources of Northwind AI will" not in text


def test_while_they_are_about_to_be_shut_down_every_page_says_so(alice_client: Client, customer: Workspace) -> None:
    put(customer)
    text = page(alice_client, customer)
    assert "Resources of Northwind AI will be shut down on 3 March, 09:30 (UTC)" in text
    assert "Shutdown ahead" in text
    assert "will be shut down on" in alice_client.get(f"/w/{customer.public_id}/credits").content.decode()
    work(at(3))
    text = page(alice_client, customer, day=3)
    assert "Resources of Northwind AI are being shut down" in text
    assert "Shutting down" in text


def test_many_are_shown_page_by_page(alice_client: Client, customer: Workspace) -> None:
    made = [
        Resource(workspace=customer, external_id=f"c{number}", kind="container", quantity=1, created_at=at(1))
        for number in range(51)
    ]
    Resource.objects.bulk_create(made)
    first = page(alice_client, customer)
    assert "<b>c50</b>" in first
    assert "<b>c0</b>" not in first
    rest = page(alice_client, customer, f"?before={made[1].pk}")
    assert "<b>c0</b>" in rest
    assert "Back to the latest" in rest
    assert alice_client.get(f"/w/{customer.public_id}/resources?before=x").status_code == 404


def test_strangers_see_nothing_and_nothing_is_posted(
    client: Client, charlie_client: Client, alice_client: Client, customer: Workspace
) -> None:
    url = f"/w/{customer.public_id}/resources"
    assert client.get(url).status_code == 302
    assert charlie_client.get(url).status_code == 404
    assert alice_client.post(url).status_code == 405


def test_staff_see_resources_and_warnings(admin_client: Client, customer: Workspace) -> None:
    resource = put(customer)
    for path in ("resource", f"resource/{resource.pk}/change", "shutdownwarning"):
        response = admin_client.get(f"/admin/plans/{path}/", follow=True)
        assert response.status_code == 200
        assert "Northwind AI" in response.content.decode()
