import pytest
from django.test import Client

from accounts.models import ApiKey, User, Workspace
from billing.foundation.site.services import site_update
from billing.usage.budgets.models import KeyPace
from billing.usage.budgets.tests.conftest import Make, source_of, spend
from portal.testing.fixtures import client_of


@pytest.fixture
def staff(db: None) -> Client:
    return client_of(User.objects.create_superuser("staff@example.com", "correct horse 7"))


def test_staff_see_budgets_and_resume_paused_keys(
    staff: Client, shop: Workspace, budget: Make, key: ApiKey, alice_client: Client
) -> None:
    budget(10, api_key=key)
    site_update(changes={"velocity_factor": 1, "velocity_minimum": 5}, actor="test")
    spend(shop, 6, source_of(key))
    assert b"key laptop" in staff.get("/admin/budgets/budget/").content
    assert b"laptop" in staff.get("/admin/budgets/keypace/?paused_at__isempty=0").content
    chosen = {"action": "resume", "_selected_action": [key.pk]}
    assert staff.post("/admin/budgets/keypace/", chosen, follow=True).status_code == 200
    assert KeyPace.objects.get().paused_at is None
    assert alice_client.get("/admin/budgets/keypace/").status_code in (302, 403)


def test_a_paused_key_is_marked_on_its_pages(shop: Workspace, key: ApiKey, alice_client: Client) -> None:
    site_update(changes={"velocity_factor": 1, "velocity_minimum": 5}, actor="test")
    spend(shop, 6, source_of(key))
    for path in ("keys", f"keys/{key.pk}"):
        assert b"it spent far more than usual" in alice_client.get(f"/w/{shop.public_id}/{path}").content
