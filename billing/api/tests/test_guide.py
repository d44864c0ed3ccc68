import json
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.models import User, Workspace
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, refuses_other_methods
from billing.api.guide.sample import sample
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.credits.units import NANO
from billing.ledger.models import Hold
from billing.metering.models import UsageEvent
from billing.overview.tests import scenarios
from billing.usage.budgets.models import BudgetPeriod
from billing.usage.budgets.services import budget_create


def url(workspace: Workspace, rest: str = "") -> str:
    return f"/w/{workspace.public_id}/api{rest}"


def shown(client: Client, workspace: Workspace, rest: str = "") -> str:
    response = client.get(url(workspace, rest))
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def sent(client: Client, workspace: Workspace, **data: Any) -> tuple[int, str, dict[str, Any]]:
    """Status, page and the whole answer that it shows."""
    response = client.post(url(workspace), data)
    page = unescape(response.content.decode())
    answer = page.split('id="try"')[1].partition("<pre")[2].partition("<code>")[2].partition("</code>")[0]
    return response.status_code, " ".join(page.split()), json.loads(answer, parse_float=Decimal) if answer else {}


GOOD = {"model": "openai/gpt-4o-mini", "input_tokens": "900", "output_tokens": "300"}


def test_works_for_everybody_with_a_role(funded: Workspace, alice_client: Client, bob_client: Client) -> None:
    for client in (alice_client, bob_client):
        assert "Calls worth knowing" in shown(client, funded)


def test_lets_nobody_else_in(funded: Workspace, alice_client: Client, charlie_client: Client) -> None:
    for rest, methods in (("", ("get", "post")), ("/purser.py", ("get",))):
        refuses_other_methods(alice_client, url(funded, rest), *methods)
        hides_from_strangers(charlie_client, url(funded, rest))
        asks_to_sign_in(url(funded, rest))


def test_a_form_from_elsewhere_is_refused(funded: Workspace, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(url(funded), GOOD).status_code == 403


def test_the_examples_carry_the_figures_of_now(funded: Workspace, alice_client: Client) -> None:
    page = shown(alice_client, funded)
    assert 'Now it answers <b class="num">0.072 credits</b>' in page
    assert "12,403.93</span> would be left" in page
    assert '"estimated_credits": 0.072' in page
    assert "curl http://localhost:8000/api/v1/usage/estimate" in page
    assert '"usage": {"input_tokens": 1200, "output_tokens": 300}' in page


def test_an_estimate_is_what_the_api_answers(funded: Workspace, bob_client: Client) -> None:
    """Also for bob, who may only look: it changes nothing."""
    status, page, answer = sent(bob_client, funded, **GOOD)
    assert status == 200
    assert "0.063 credits" in page
    api = Api(key_of(funded)).post("/api/v1/usage/estimate", {"model": GOOD["model"], "usage": answer_usage(GOOD)})
    assert answer == api.json
    assert (answer["estimated_credits"], answer["balance_after_request"]) == (Decimal("0.063"), Decimal("12403.937"))
    assert (UsageEvent.objects.count(), Hold.objects.count()) == (0, 0)


def answer_usage(sent: dict[str, str]) -> dict[str, int]:
    return {name: int(value) for name, value in sent.items() if name != "model"}


def test_what_is_refused_is_told_in_words_and_whole(fresh: Workspace, alice_client: Client) -> None:
    status, page, answer = sent(alice_client, fresh, **GOOD)
    assert status == 200
    assert (answer["status"], answer["code"]) == (402, "insufficient_credits")
    assert "402 insufficient_credits</b>" in page


def test_a_budget_that_stops_requests_is_told_and_looking_is_no_request(
    funded: Workspace, alice: User, alice_client: Client
) -> None:
    budget_create(workspace=funded, period="month", amount=NANO // 20, stops=True, by=alice)
    assert 'A budget does not cover it: <span class="num">0.05</span> of it are left.' in shown(alice_client, funded)
    Api(key_of(None), **{"Purser-Workspace": funded.public_id}).post("/api/v1/usage", usage_event())
    assert "402 budget_exceeded</b>" in shown(alice_client, funded)
    assert not BudgetPeriod.objects.exclude(refused_at=None).exists()


@pytest.mark.parametrize(
    ("change", "says"), [("-1", "greater than or equal to 0"), ("many", "Enter a number"), ("", "required")]
)
def test_what_is_no_quantity_is_named(funded: Workspace, alice_client: Client, change: str, says: str) -> None:
    status, page, answer = sent(alice_client, funded, **GOOD | {"input_tokens": change})
    assert (status, answer) == (422, {})
    assert says in page


def test_a_model_without_a_price_is_named_and_another_one_shown(funded: Workspace, alice_client: Client) -> None:
    page = shown(alice_client, funded, "?model=nobody/nothing%00")
    assert "No price is known for “nobody/nothing”" in page
    assert "With <b>" in page


def test_it_is_about_what_the_workspace_uses(funded: Workspace, alice_client: Client) -> None:
    api = Api(key_of(None), **{"Purser-Workspace": funded.public_id})
    for number, model in enumerate(("openai/gpt-4o", "openai/gpt-4o-mini")):
        assert api.post("/api/v1/usage", usage_event(str(number), model=model)).status == 201
    found = sample(funded)
    assert found is not None
    assert (found.model, found.used, found.own) == (
        "openai/gpt-4o",
        ("openai/gpt-4o", "openai/gpt-4o-mini"),
        True,
    )
    assert '"model": "openai/gpt-4o"' in shown(alice_client, funded)
    assert '"model": "openai/gpt-4o-mini"' in shown(alice_client, funded, "?model=openai/gpt-4o-mini")


def test_keys_are_shown_by_their_beginning_with_limits_and_scopes(funded: Workspace, alice_client: Client) -> None:
    plain = key_of(funded, "usage:read", rate_limit=60)
    Api(plain).get("/api/v1/usage/events")
    page = shown(alice_client, funded)
    assert plain not in page
    assert f"export PURSER_KEY={plain[:12]}…" in page
    assert "of 60</span>" in page
    assert "its own limit" in page
    assert '<span class="tag">usage:read</span>' in page


def test_without_keys_it_says_how_to_get_one(funded: Workspace, alice_client: Client, bob_client: Client) -> None:
    assert "keys/new" in shown(alice_client, funded)
    page = shown(bob_client, funded)
    assert "keys/new" not in page
    assert "Members, admins and owners create them." in page


def test_recording_is_shown_to_those_who_may(funded: Workspace, alice_client: Client) -> None:
    assert "Hold, then charge" not in shown(alice_client, funded)
    Workspace.objects.update(usage_write_allowed=True)
    assert "Hold, then charge" in shown(alice_client, funded)


@pytest.mark.parametrize(
    ("language", "has"),
    [("python", "from purser import Purser"), ("typescript", "await purser.estimate"), ("cobol", "curl ")],
)
def test_languages(funded: Workspace, alice_client: Client, language: str, has: str) -> None:
    assert has in shown(alice_client, funded, f"?in={language}")


def test_clients_are_given_as_they_are(funded: Workspace, bob_client: Client) -> None:
    for name, has in (("purser.py", b"class Purser:"), ("purser.ts", b"export class Purser")):
        response = bob_client.get(url(funded, f"/{name}"))
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'
        assert has in response.getvalue()
    assert bob_client.get(url(funded, "/settings.py")).status_code == 404


def test_without_prices_there_are_no_examples(workspace: Workspace, alice_client: Client) -> None:
    page = shown(alice_client, workspace)
    assert "No prices yet" in page
    assert "When a call is refused" in page


@pytest.fixture
def fresh(prices: None, alice: User) -> Workspace:
    return scenarios.new(alice)
