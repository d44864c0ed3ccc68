"""The pages of webhooks: work, refuse other methods, hide from strangers, refuse lesser roles."""

import re

import pytest
from django.test import Client

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role
from billing.alerts.webhooks import endpoints, selectors
from billing.alerts.webhooks.delivery import deliver
from billing.alerts.webhooks.emitting import event_emit
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint
from billing.alerts.webhooks.tests.conftest import Make, Receiver, answer, emit, secret_of
from billing.foundation.audit.models import AuditEntry

NEW = {"url": "https://example.com/hooks", "description": "Ours", "event_types": ["balance.low", "price.changed"]}
pytestmark = pytest.mark.django_db


def test_without_webhooks_it_says_what_they_are_for(workspace: Workspace, alice_client: Client) -> None:
    text = alice_client.get(page(workspace, "webhooks/")).content.decode()
    assert "No webhooks yet" in text
    assert page(workspace, "webhooks/new") in text


def test_one_is_added_and_its_secret_is_shown_once(workspace: Workspace, alice_client: Client) -> None:
    form = alice_client.get(page(workspace, "webhooks/new")).content.decode()
    assert "balance.low: The balance fell below" in form
    nonce = re.search(r'name="once" value="([^"]+)"', form)
    assert nonce is not None
    sent = {**NEW, "once": nonce[1]}
    made = alice_client.post(page(workspace, "webhooks/new"), sent)
    assert made.status_code == 201
    assert "no-store" in made["Cache-Control"]
    endpoint = WebhookEndpoint.objects.get()
    secret = secret_of(endpoint)
    assert secret in made.content.decode()
    assert secret not in endpoint.secret
    assert (endpoint.url, endpoint.event_types) == (NEW["url"], NEW["event_types"])
    shown = alice_client.get(page(workspace, f"webhooks/{endpoint.public_id}/")).content.decode()
    assert secret not in shown
    assert "Nothing sent yet" in shown
    assert "example.com/hooks" in alice_client.get(page(workspace, "webhooks/")).content.decode()

    again = alice_client.post(page(workspace, "webhooks/new"), sent, follow=True)
    assert b"That form was already sent" in again.content
    assert WebhookEndpoint.objects.count() == 1
    entry = AuditEntry.objects.get(action="webhook_endpoint.created")
    assert (entry.workspace, entry.target) == (workspace, endpoint.public_id)
    assert "whsec_" not in str(entry.after)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/", "must begin with https://"),
        ("ftp://example.com/", "must look like https://"),
        ("https://", "must look like https://"),
        ("https://example.com:0/", "must look like https://"),
        ("https://example.com:99999/", "not a web address"),
        ("https://user:pass@example.com/", "would not be sent"),
        ("https://example.com/#part", "would not be sent"),
        ("https://example.com/a b", "must be written as %20"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://[::1]/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data", "not a public address"),
        ("https://[::ffff:10.0.0.1]/", "not a public address"),
    ],
)
def test_an_address_that_could_not_be_used_is_refused(
    workspace: Workspace, alice_client: Client, url: str, said: str
) -> None:
    response = alice_client.post(page(workspace, "webhooks/new"), {**NEW, "url": url})
    assert response.status_code == 422
    assert said in response.content.decode()
    assert WebhookEndpoint.objects.count() == 0


def test_events_that_are_not_offered_are_refused(workspace: Workspace, alice_client: Client) -> None:
    for types in ([], ["webhook.test"], ["nothing"]):
        response = alice_client.post(page(workspace, "webhooks/new"), {**NEW, "event_types": types})
        assert response.status_code == 422


def test_there_are_so_many_at_most(
    workspace: Workspace, alice_client: Client, endpoint: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MOST", 2)
    for _ in range(2):
        endpoint()
    response = alice_client.post(page(workspace, "webhooks/new"), NEW)
    assert response.status_code == 422
    assert b"There are 2 webhooks already" in response.content


def test_it_is_edited(workspace: Workspace, alice_client: Client, endpoint: Make) -> None:
    made = endpoint()
    url = page(workspace, f"webhooks/{made.public_id}/edit")
    assert made.url in alice_client.get(url).content.decode()
    assert alice_client.post(url, {**NEW, "url": "https://bücher.example:8443/x?y=1"}).status_code == 302
    made.refresh_from_db()
    assert made.url == "https://xn--bcher-kva.example:8443/x?y=1"
    entry = AuditEntry.objects.get(action="webhook_endpoint.changed")
    assert entry.after["events"] == NEW["event_types"]
    assert alice_client.post(url, {**NEW, "url": "https://10.0.0.1/"}).status_code == 422


def test_the_secret_is_rotated_once_however_often_it_is_sent(
    workspace: Workspace, alice_client: Client, endpoint: Make
) -> None:
    made = endpoint()
    former = secret_of(made)
    url = page(workspace, f"webhooks/{made.public_id}/rotate")
    assert b"For 24 hours" in alice_client.get(url).content
    answered = alice_client.post(url, {"once": "n1"})
    assert answered.status_code == 201
    new = secret_of(made)
    assert new != former
    assert new in answered.content.decode()
    assert former not in answered.content.decode()
    assert alice_client.post(url, {"once": "n1"}).status_code == 302
    assert secret_of(made) == new
    assert b"signs as well until" in alice_client.get(page(workspace, f"webhooks/{made.public_id}/")).content


def test_a_test_is_sent_and_its_answer_shown(
    workspace: Workspace, alice_client: Client, endpoint: Make, receiver: Receiver
) -> None:
    made = endpoint(event_types=["price.changed"])
    receiver.usual = answer(418, b"<b>teapot</b>")
    response = alice_client.post(page(workspace, f"webhooks/{made.public_id}/test"))
    row = WebhookDelivery.objects.get()
    assert response["Location"] == page(workspace, f"webhooks/{made.public_id}/deliveries/{row.pk}")
    assert b"Not attempted yet" in alice_client.get(response["Location"]).content
    deliver()
    shown = alice_client.get(response["Location"]).content.decode()
    assert "answered 418" in shown
    assert "&lt;b&gt;teapot" in shown
    assert row.event.public_id in shown
    assert "webhook.test" in shown


def test_the_log_is_filtered_paged_and_sent_again(
    workspace: Workspace,
    alice_client: Client,
    endpoint: Make,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selectors, "PAGE", 4)
    made = endpoint()
    receiver.script = [answer(500)]
    failed = emit(workspace)
    deliver()
    for number in range(5):
        event_emit(workspace, "balance.recovered", f"r{number}", {})
    log = page(workspace, f"webhooks/{made.public_id}/")
    rows = re.compile(r"deliveries/(\d+)\"><b>")
    first = alice_client.get(log).content.decode()
    assert len(rows.findall(first)) == 4
    older = re.search(r'rel="next" href="\?([^"]+)"', first)
    assert older is not None
    assert len(rows.findall(alice_client.get(f"{log}?{older[1]}").content.decode())) == 2
    only = alice_client.get(log, {"type": "balance.low", "status": "pending"}).content.decode()
    assert rows.findall(only) == [str(failed.pk)]
    assert "answered 500" in only
    assert "None like that" in alice_client.get(log, {"status": "failed"}).content.decode()
    for nonsense in ({"status": "x"}, {"before": "-1"}, {"before": "9" * 30}, {"type": "\0"}):
        assert alice_client.get(log, nonsense).status_code == 200

    url = page(workspace, f"webhooks/{made.public_id}/deliveries/{failed.pk}")
    assert alice_client.post(f"{url}/resend").status_code == 302
    deliver()
    failed.refresh_from_db()
    assert failed.status == "delivered"


def test_it_is_switched_off_and_on(workspace: Workspace, alice_client: Client, endpoint: Make) -> None:
    made = endpoint()
    url = page(workspace, f"webhooks/{made.public_id}/")
    waiting = emit(workspace)
    alice_client.post(f"{url}switch", {"on": "0"})
    shown = alice_client.get(url).content.decode()
    assert "nothing is sent to it" in shown
    assert deliver() == 0
    for action in ("test", f"deliveries/{waiting.pk}/resend"):
        assert b"switch it on first" in alice_client.post(f"{url}{action}", follow=True).content
    assert event_emit(workspace, "balance.low", "while off", {}) is not None
    alice_client.post(f"{url}switch", {"on": "1"})
    assert deliver() == 1
    assert WebhookDelivery.objects.count() == 1
    actions = AuditEntry.objects.filter(action__startswith="webhook_endpoint.switched").order_by("pk")
    assert [entry.action.rpartition("_")[2] for entry in actions] == ["off", "on"]


def test_it_is_deleted_with_its_log(workspace: Workspace, alice_client: Client, endpoint: Make) -> None:
    made = endpoint()
    emit(workspace)
    url = page(workspace, f"webhooks/{made.public_id}/delete")
    assert b"its log is deleted" in alice_client.get(url).content
    assert alice_client.post(url).status_code == 302
    assert WebhookEndpoint.objects.count() == WebhookDelivery.objects.count() == 0
    assert alice_client.post(url).status_code == 404


PAGES = ("", "new", "{id}/", "{id}/edit", "{id}/rotate", "{id}/delete", "{id}/deliveries/{row}")
POSTED = ("{id}/test", "{id}/switch", "{id}/deliveries/{row}/resend")


def _urls(workspace: Workspace, endpoint: WebhookEndpoint, row: WebhookDelivery, *paths: str) -> list[str]:
    return [page(workspace, "webhooks/" + each.format(id=endpoint.public_id, row=row.pk)) for each in paths]


def test_only_those_who_manage_the_workspace_see_or_do_anything(
    workspace: Workspace, endpoint: Make, bob: User, bob_client: Client, charlie_client: Client
) -> None:
    made = endpoint()
    row = emit(workspace)
    for role in (Role.VIEWER, Role.MEMBER, Role.BILLING):
        Membership.objects.filter(workspace=workspace, user=bob).update(role=role)
        for url in _urls(workspace, made, row, *PAGES):
            refuses_role(bob_client, url)
        for url in _urls(workspace, made, row, *POSTED, "{id}/delete", "{id}/rotate"):
            refuses_role(bob_client, url, "post")
    for url in _urls(workspace, made, row, *PAGES):
        hides_from_strangers(charlie_client, url)
        asks_to_sign_in(url)
    for url in _urls(workspace, made, row, *POSTED):
        hides_from_strangers(charlie_client, url, "post")
        asks_to_sign_in(url, "post")
    assert b"Webhooks" not in bob_client.get(page(workspace, "")).content
    Membership.objects.filter(workspace=workspace, user=bob).update(role=Role.ADMIN)
    for url in _urls(workspace, made, row, *PAGES):
        assert bob_client.get(url).status_code == 200


def test_other_methods_are_refused(workspace: Workspace, endpoint: Make, alice_client: Client) -> None:
    made = endpoint()
    row = emit(workspace)
    for url in _urls(workspace, made, row, "", "{id}/", "{id}/deliveries/{row}"):
        refuses_other_methods(alice_client, url, "get")
    for url in _urls(workspace, made, row, *POSTED):
        refuses_other_methods(alice_client, url, "post")


def test_those_of_another_workspace_are_not_found(
    workspace: Workspace, endpoint: Make, alice: User, alice_client: Client
) -> None:
    """Even for somebody who owns both."""
    theirs = endpoint()
    row = emit(workspace)
    other = Workspace.objects.create(name="Other")
    Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
    for url in _urls(other, theirs, row, "{id}/", "{id}/edit", "{id}/rotate", "{id}/delete", "{id}/deliveries/{row}"):
        assert alice_client.get(url).status_code == 404
    for url in _urls(other, theirs, row, *POSTED, "{id}/rotate", "{id}/delete"):
        assert alice_client.post(url).status_code == 404
    mine = endpoint(workspace=other)
    assert alice_client.get(page(other, f"webhooks/{mine.public_id}/deliveries/{row.pk}")).status_code == 404
    assert WebhookEndpoint.objects.count() == 2
