"""The pages of budgets: work, refuse other methods, hide from strangers, refuse lesser roles."""

import pytest
from django.test import Client

from accounts.models import ApiKey, Membership, Project, User, Workspace
from accounts.roles import Role
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.usage.budgets import views
from billing.usage.budgets.models import Budget
from billing.usage.budgets.tests.conftest import Make, hold, spend

CREATE = {"subject": "workspace", "period": "month", "credits": "12.5", "kind": "stop"}


def test_the_list_works_for_everybody_with_a_role(
    shop: Workspace, budget: Make, prod: Project, alice_client: Client, bob_client: Client
) -> None:
    budget(10)
    budget(5, project=prod, period="day", stops=False)
    spend(shop, 9)
    hold(shop, 1)
    for client, manages in ((alice_client, True), (bob_client, False)):
        text = client.get(page(shop, "budgets/")).content.decode()
        assert "The whole workspace" in text
        assert "Production" in text
        assert "<b>9</b> of 10 credits this month" in text
        assert "+ 1 on hold" in text
        assert "Refuses requests" in text
        assert ("New budget" in text) == manages


def test_without_budgets_it_says_what_they_are_for(shop: Workspace, alice_client: Client, bob_client: Client) -> None:
    assert b"Set one to be told" in alice_client.get(page(shop, "budgets/")).content
    assert b"Owners, admins and billing managers set them." in bob_client.get(page(shop, "budgets/")).content


def test_a_budget_is_made_changed_and_removed(shop: Workspace, alice_client: Client, prod: Project) -> None:
    assert alice_client.get(page(shop, "budgets/new")).status_code == 200
    response = alice_client.post(page(shop, "budgets/new"), CREATE | {"subject": f"project:{prod.pk}"})
    assert response.status_code == 302
    budget = Budget.objects.get()
    assert (budget.project, budget.period, budget.amount, budget.stops) == (prod, "month", 12_500_000_000, True)

    url = page(shop, f"budgets/{budget.pk}")
    assert b'value="12.5"' in alice_client.get(url).content
    assert alice_client.post(url, {"credits": "20", "kind": "alert"}).status_code == 302
    budget.refresh_from_db()
    assert (budget.amount, budget.stops) == (20 * NANO, False)

    assert b"Nobody is told of it any more" in alice_client.get(f"{url}/remove").content
    assert alice_client.post(f"{url}/remove").status_code == 302
    assert Budget.objects.count() == 0
    actions = AuditEntry.objects.filter(action__startswith="budget.").order_by("pk")
    assert [entry.action for entry in actions] == ["budget.created", "budget.changed", "budget.removed"]
    assert actions[1].before == {"for": "project Production", "period": "month", "credits": "12.5", "stops": True}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"credits": "0"}, "A budget must be more than nothing."),
        ({"credits": "-1"}, "greater than or equal to 0"),
        ({"credits": "1e400"}, "no more than 19 digits"),
        ({"credits": "9999999999.5"}, "do not fit the ledger"),
        ({"credits": "0.0000000001"}, "9 decimal places"),
        ({"credits": "NaN"}, "Enter a number."),
        ({"subject": "project:999"}, "Select a valid choice"),
        ({"period": "year"}, "Select a valid choice"),
        ({"kind": ""}, "This field is required"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(
    shop: Workspace, alice_client: Client, sent: dict[str, str], said: str
) -> None:
    response = alice_client.post(page(shop, "budgets/new"), CREATE | sent)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert Budget.objects.count() == 0


def test_a_second_one_for_the_same_is_refused(shop: Workspace, alice_client: Client, budget: Make) -> None:
    budget(10)
    response = alice_client.post(page(shop, "budgets/new"), CREATE)
    assert response.status_code == 422
    assert b"There is a budget per month for that already" in response.content


def test_things_of_another_workspace_are_no_choice(shop: Workspace, alice_client: Client) -> None:
    other = Workspace.objects.create(name="Other")
    theirs = Project.objects.create(workspace=other, slug="theirs", name="Theirs")
    response = alice_client.post(page(shop, "budgets/new"), CREATE | {"subject": f"project:{theirs.pk}"})
    assert response.status_code == 422
    made = Budget.objects.create(
        workspace=other, period="day", amount=1, stops=True, counts_from=other.created_at, created_at=other.created_at
    )
    assert alice_client.get(page(shop, f"budgets/{made.pk}")).status_code == 404
    assert alice_client.post(page(shop, f"budgets/{made.pk}/remove")).status_code == 404


def test_who_comes_after_somebody_removed_it_is_told(
    shop: Workspace, budget: Make, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, body in (("", {"credits": "5", "kind": "stop"}), ("/remove", {})):
        made = budget(10)

        def gone(request: object, pk: int, made: Budget = made) -> Budget:
            Budget.objects.filter(pk=made.pk).delete()
            return made

        monkeypatch.setattr(views, "_budget", gone)
        response = alice_client.post(page(shop, f"budgets/{made.pk}{path}"), body, follow=True)
        assert response.status_code == 200
        assert b"removed" in response.content


@pytest.fixture(params=["new", "{pk}", "{pk}/remove", "keys/{key}/resume"])
def managed(request: pytest.FixtureRequest, shop: Workspace, budget: Make, key: ApiKey) -> tuple[str, str]:
    path = request.param.format(pk=budget(10).pk, key=key.pk)
    return page(shop, f"budgets/{path}"), "post" if "resume" in path else "get"


def test_who_may_not_manage_billing_only_reads(
    managed: tuple[str, str], bob_client: Client, charlie_client: Client, bob: User
) -> None:
    url, method = managed
    for role in (Role.VIEWER, Role.MEMBER):
        Membership.objects.filter(user=bob).update(role=role)
        refuses_role(bob_client, url, method)
    hides_from_strangers(charlie_client, url, method)
    asks_to_sign_in(url, method)


def test_only_the_methods_that_it_takes(
    managed: tuple[str, str], alice_client: Client, shop: Workspace, charlie_client: Client
) -> None:
    url, method = managed
    refuses_other_methods(alice_client, url, *(["post"] if method == "post" else ["get", "post"]))
    listed = page(shop, "budgets/")
    refuses_other_methods(alice_client, listed, "get")
    hides_from_strangers(charlie_client, listed)
    asks_to_sign_in(listed)


def test_a_billing_manager_sets_budgets(shop: Workspace, bob: User, bob_client: Client) -> None:
    Membership.objects.filter(user=bob).update(role=Role.BILLING)
    assert bob_client.post(page(shop, "budgets/new"), CREATE).status_code == 302
