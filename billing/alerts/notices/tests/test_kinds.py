import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.alerts.notices.kinds import AUDIENCES, audience_of, path_of

SITE = "https://purser.example"


@pytest.mark.parametrize(
    ("kind", "audience"),
    [
        ("balance.low", "everyone"),
        ("topup.failed", "billing"),
        ("invoice.receipt", "billing"),
        ("invoice.copy", None),
        ("api_key.paused", "everyone"),
        ("api_key.created", "keys"),
        ("member.joined", "team"),
        ("member.invited", None),
        ("prices.changed", "everyone"),
        ("webhooks.off", "workspace"),
        ("workspace.ready", None),
        ("something.else", "billing"),
        ("balancesheet", "billing"),
    ],
)
def test_who_sees_a_kind(kind: str, audience: str | None) -> None:
    assert audience_of(kind) == audience


@pytest.mark.parametrize(
    ("link", "path"),
    [
        (f"{SITE}/w/ws_1/credits?show=in#add", "/w/ws_1/credits?show=in#add"),
        (f"{SITE}/", "/"),
        (SITE, ""),
        (f"{SITE}//evil.example/", ""),
        (f"{SITE}/\\evil.example", ""),
        (f"{SITE}/\n//evil.example", ""),
        (f"{SITE}.evil.example/", ""),
        (f"{SITE}@evil.example/", ""),
        ("https://invoice.stripe.com/i/acct_1", ""),
        ("/w/ws_1", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_only_addresses_of_this_site_are_kept(link: str, path: str) -> None:
    assert path_of(link, SITE) == path
    assert path_of(link, f"{SITE}/") == path


@given(st.text())
def test_whatever_is_kept_is_a_path(rest: str) -> None:
    path = path_of(SITE + rest, SITE)
    assert path == "" or (path[0] == "/" and path[:2] not in ("//", "/\\"))


def test_every_audience_is_one_that_rows_may_have() -> None:
    assert {audience for audience in AUDIENCES.values() if audience} <= {
        "everyone", "billing", "keys", "team", "workspace",
    }  # fmt: skip
