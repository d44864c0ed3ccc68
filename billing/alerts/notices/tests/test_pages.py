"""The bell and the page of notices: work, refuse other methods, hide from strangers, serve lesser roles."""

from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods
from billing.alerts.notices.models import Notice
from billing.alerts.notices.tests.conftest import Told

pytestmark = pytest.mark.django_db


def text_of(client: Client, workspace: Workspace, path: str = "notices/") -> str:
    response = client.get(page(workspace, path))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def polled(text: str) -> str:
    """The address that the page asks every few seconds."""
    return unescape(text.partition('id="live" hidden hx-get="')[2].partition('"')[0])


def test_without_notices_it_says_what_will_be_there(workspace: Workspace, alice_client: Client) -> None:
    text = text_of(alice_client, workspace)
    assert "No notices" in text
    assert "Mark all as read" not in text
    assert 'aria-label="Notices"' in text
    assert "bell__count" not in text


def test_the_bell_counts_on_every_page_until_it_is_read(workspace: Workspace, alice_client: Client, told: Told) -> None:
    first = told(key="a")
    told(key="b")
    assert first is not None
    for path in ("credits", "usage", "notices/", "team"):
        assert "Notices: 2 unread" in text_of(alice_client, workspace, path)
    assert text_of(alice_client, workspace).count("Unread: ") == 2
    opened = alice_client.get(page(workspace, f"notices/{first.pk}"))
    assert (opened.status_code, opened["Location"]) == (302, page(workspace, "credits"))
    text = text_of(alice_client, workspace)
    assert "Notices: 1 unread" in text
    latest = Notice.objects.latest("pk").pk
    assert f'name="up_to" value="{latest}"' in text
    done = alice_client.post(page(workspace, "notices/read"), {"up_to": str(latest)}, follow=True)
    assert b"All are marked as read." in done.content
    assert b"bell__count" not in done.content


def test_a_notice_without_a_page_leads_back_to_the_list(workspace: Workspace, alice_client: Client, told: Told) -> None:
    notice = told(link="https://invoice.stripe.com/i/acct_1")
    assert notice is not None
    opened = alice_client.get(page(workspace, f"notices/{notice.pk}"))
    assert opened["Location"] == page(workspace, "notices/")


def test_texts_are_text(workspace: Workspace, alice_client: Client, told: Told) -> None:
    told(subject="<script>1</script>", text="<b>bold</b>", button="<i>")
    text = text_of(alice_client, workspace)
    assert "<script>1" not in text
    assert "<b>bold" not in text


@pytest.mark.parametrize("query", ["?before=x", "?before=-1", "?before=99999999999999999999", "?before=\x00"])
def test_odd_cursors_are_harmless(workspace: Workspace, alice_client: Client, told: Told, query: str) -> None:
    told()
    assert "About k1" in text_of(alice_client, workspace, f"notices/{query}")
    assert alice_client.post(page(workspace, "notices/read"), {"up_to": query}).status_code == 302
    assert alice_client.get(page(workspace, "notices/99999999999999999999")).status_code == 404


def test_the_quartet(
    workspace: Workspace, alice_client: Client, bob_client: Client, charlie_client: Client, told: Told
) -> None:
    notice = told("topup.failed")
    assert notice is not None
    for path, method in (("notices/", "get"), (f"notices/{notice.pk}", "get"), ("notices/read", "post")):
        url = page(workspace, path)
        refuses_other_methods(alice_client, url, method)
        asks_to_sign_in(url, method)
        hides_from_strangers(charlie_client, url, method)
    assert "No notices" in text_of(bob_client, workspace)
    assert bob_client.get(page(workspace, f"notices/{notice.pk}")).status_code == 404


def test_a_notice_of_another_workspace_is_not_there(
    workspace: Workspace, alice: User, alice_client: Client, told: Told
) -> None:
    notice = told()
    assert notice is not None
    other = Workspace.objects.create(name="Other")
    Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
    assert "About k1" not in text_of(alice_client, other)
    assert alice_client.get(page(other, f"notices/{notice.pk}")).status_code == 404


def test_a_page_pays_one_query_for_the_bell_and_all_banners(
    workspace: Workspace, alice_client: Client, told: Told
) -> None:
    told()
    text_of(alice_client, workspace, "usage")
    with CaptureQueriesContext(connection) as context:
        text_of(alice_client, workspace, "usage")
    ours = [query["sql"] for query in context if "alerts_" in query["sql"]]
    assert len(ours) == 1
    assert not [query["sql"] for query in context if '"plans_shutdownwarning"' in query["sql"]]


def test_a_poll_brings_the_bell_when_something_was_told(workspace: Workspace, alice_client: Client, told: Told) -> None:
    text = text_of(alice_client, workspace, "usage")
    live = polled(text)
    assert alice_client.get(live).status_code == 204
    told()
    answer = alice_client.get(live)
    assert answer.status_code == 200
    again = answer.content.decode()
    assert 'id="bell"' in again
    assert 'id="needs"' in again
    assert alice_client.get(polled(again)).status_code == 204
