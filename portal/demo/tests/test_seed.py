"""The demo: made once, in all four states, and never in a real installation."""

import json
import stat
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import User, Workspace
from accounts.selectors.keys import api_key_authenticate
from billing.credits import clock
from billing.invoices.models import Document
from billing.ledger.held import recent_holds
from billing.ledger.models import Lot, Transfer
from billing.ledger.selectors import balance, holds
from billing.ledger.verify import verify
from billing.metering.models import UsageEvent
from billing.metering.selectors.forecast import runway_days
from billing.packs.models import Purchase
from billing.plans.models import Resource, ShutdownWarning, Subscription, WorkspaceAddOn
from billing.voices.models import Conditioning, EngineVersion, Voice
from billing.voices.serving import channel, serving
from portal.demo import access, seed
from portal.demo.elsewhere import Elsewhere
from portal.demo.payments import till
from portal.demo.story import Scale
from portal.demo.voices import VOICES, voice_story
from portal.testing.simulated import SimulatedStripe

SMALL = Scale(days=45, first=6, last=12)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Path:
    monkeypatch.setattr(access, "HOME", tmp_path)
    settings.DEMO = True
    settings.VOICE_ROOT = str(tmp_path / "voices")
    return tmp_path


@pytest.fixture
def demo(db: None, home: Path, simulated: SimulatedStripe) -> access.Access:
    return seed.demo_seed(scale=SMALL)


def states() -> dict[str, str]:
    found = {}
    for workspace in Workspace.objects.filter(external_id__startswith="demo-"):
        now = balance(workspace.pk)
        found[workspace.name] = "new" if now.is_new else now.state
    return found


def test_everything_of_it(demo: access.Access, home: Path) -> None:
    """One story, told once: looking at it from all sides is cheaper than telling it again."""
    the_four_states()
    the_main_workspace(demo)
    the_plans(demo)
    the_voices(home)
    the_way_in(demo, home)
    the_books(demo)
    a_second_run_changes_nothing(demo, home)
    lost_secrets_are_replaced(demo, home)


def the_four_states() -> None:
    assert states() == {
        "Northwind AI": "healthy",
        "Fjord Voice": "low",
        "Kite Labs": "stopped",
        "Harbor Studio": "new",
    }
    kite = Workspace.objects.get(name="Kite Labs")
    assert balance(kite.pk).debt > 0


def the_main_workspace(demo: access.Access) -> None:
    workspace = Workspace.objects.get(public_id=demo.workspace)
    sources = set(Lot.objects.filter(workspace=workspace).values_list("source", flat=True))
    assert sources == {"plan", "promotion", "bought"}
    days = runway_days(workspace.pk, available=balance(workspace.pk).available)
    assert days is not None
    assert days > 9
    promotion = Lot.objects.get(workspace=workspace, source="promotion")
    assert promotion.expires_at is not None
    assert 5 <= (promotion.expires_at - clock.now()).days <= 7
    events = UsageEvent.objects.filter(workspace=workspace)
    assert events.exclude(problem="").count() == 0
    assert (clock.now() - events.latest("occurred_at").occurred_at).total_seconds() < 300
    assert set(events.values_list("project__slug", flat=True).distinct()) == {"production", "staging"}
    assert events.filter(late=True).count() == 0
    assert workspace.memberships.count() == 4
    assert {row.status for row in recent_holds(workspace.pk)} == {"open", "settled", "released", "expired"}
    assert len(holds(workspace.pk)) == 2
    assert events.filter(reversal__isnull=False).count() == 1


def the_plans(demo: access.Access) -> None:
    """One pays by the year and one by the month, for add-ons and resources in each state; every invoice has its
    payment.
    """
    northwind, fjord, kite = (Workspace.objects.get(name=one) for one in ("Northwind AI", "Fjord Voice", "Kite Labs"))
    yearly, monthly = (Subscription.objects.get(workspace=one, ended_at=None) for one in (northwind, fjord))
    assert (yearly.version.plan.key, yearly.interval) == ("business", "year")
    assert (monthly.version.plan.key, monthly.interval) == ("pro", "month")
    assert monthly.paid_until is not None
    assert monthly.paid_until > clock.now()
    assert Document.objects.filter(workspace=fjord, status="paid").count() == 2  # the start and its renewal
    bought = Purchase.objects.filter(workspace=northwind)
    assert {one.status for one in bought} == {"fulfilled"}
    assert set(bought.values_list("document", flat=True)) == set(
        Document.objects.filter(workspace=northwind, purpose="pack").values_list("pk", flat=True)
    )
    add_ons = WorkspaceAddOn.objects.values_list("workspace", "status")
    assert set(add_ons) == {(northwind.pk, "active"), (fjord.pk, "suspended")}
    assert Resource.objects.filter(workspace=northwind, deleted_at=None, next_day__gt=clock.now().date()).count() >= 2
    assert ShutdownWarning.objects.get().workspace == kite
    assert ShutdownWarning.objects.get().state == "stopping"


def the_voices(home: Path) -> None:
    """Made by the real pipeline, on the engine that comes with it: a catalogue that can be listened to."""
    made = list(Voice.objects.order_by("pk"))
    assert [(voice.name, voice.state) for voice in made] == [(each[0], "enabled") for each in VOICES]
    version = channel().active
    assert version == EngineVersion.objects.get()
    assert version.is_test
    for conditioning in serving(version, made).values():
        sample = (home / "voices" / conditioning.sample_path).read_bytes()
        assert sample[:4] == b"RIFF"
        assert len(sample) > 10_000
    assert voice_story() == []
    assert (Voice.objects.count(), Conditioning.objects.count()) == (3, 3)


def the_way_in(demo: access.Access, home: Path) -> None:
    user = User.objects.get(email=demo.email)
    assert user.check_password(demo.password)
    assert user.is_staff
    assert EmailAddress.objects.get(user=user).verified
    key = api_key_authenticate(demo.api_key)
    assert key is not None
    assert key.workspace is not None
    assert key.workspace.public_id == demo.workspace
    assert "usage:write" in key.scopes
    summary = home / "demo.json"
    assert json.loads(summary.read_text())["api_key"] == demo.api_key
    for path in (summary, home / "secrets" / "demo-key", home / "secrets" / "demo-password"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    signed_in = Client().post("/accounts/login/", {"login": demo.email, "password": demo.password})
    assert signed_in.status_code == 302


def the_books(demo: access.Access) -> None:
    assert verify().problems == []


def a_second_run_changes_nothing(demo: access.Access, home: Path) -> None:
    before = (Transfer.objects.count(), UsageEvent.objects.count(), User.objects.count())
    assert seed.demo_seed() == demo
    assert (Transfer.objects.count(), UsageEvent.objects.count(), User.objects.count()) == before


def lost_secrets_are_replaced(demo: access.Access, home: Path) -> None:
    for name in ("demo-key", "demo-password"):
        (home / "secrets" / name).unlink()
    fresh = seed.demo_seed()
    assert fresh.password != demo.password
    assert fresh.api_key != demo.api_key
    assert User.objects.get(email=fresh.email).check_password(fresh.password)
    assert api_key_authenticate(fresh.api_key) is not None


@pytest.mark.django_db
def test_an_interrupted_start_begins_anew(little_around: None, home: Path, simulated: SimulatedStripe) -> None:
    def stop(words: str) -> None:
        if "10%" in words:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seed.demo_seed(scale=SMALL, say=stop)
    assert not Workspace.objects.filter(external_id=seed.MAIN).exists()
    seed.demo_seed(scale=SMALL)
    owner = User.objects.get(email=access.EMAIL)
    put_away = Workspace.objects.filter(name__endswith="(unfinished)")
    assert not Subscription.objects.filter(workspace__in=put_away, ended_at=None).exclude(stripe_id=None).exists()
    assert not Resource.objects.filter(workspace__in=put_away, deleted_at=None).exists()
    assert not WorkspaceAddOn.objects.filter(workspace__in=put_away, ended_at=None).exists()
    assert sorted(states()) == ["Fjord Voice", "Harbor Studio", "Kite Labs", "Northwind AI"]
    assert owner.memberships.count() == 4  # the half-told ones are out of sight
    assert Workspace.objects.filter(name="Northwind AI (unfinished)", external_id=None).count() == 1
    assert verify().problems == []


@pytest.mark.django_db
def test_without_simulated_payments_it_is_told_all_the_same(workspace: Workspace, alice: User) -> None:
    assert till() is None
    at, somewhere = clock.now() - timedelta(days=40), Elsewhere()
    somewhere.subscribe(workspace, "business", "year", by=alice, at=at)
    somewhere.buy(workspace, "growth", by=alice, at=at)
    somewhere.renew(workspace)
    assert {lot.source for lot in Lot.objects.filter(workspace=workspace)} == {"plan", "bought"}
    assert Document.objects.get(workspace=workspace).total == 5_000
    assert verify(workspace_id=workspace.pk).problems == []


@pytest.mark.django_db
def test_a_real_installation_gets_no_demo(home: Path, settings: Settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="demo installations only"):
        call_command("demo_seed", stdout=StringIO())
    assert not User.objects.exists()
    assert not Workspace.objects.exists()
    assert list(home.iterdir()) == []


def test_passwords_are_typed_easily_and_differ() -> None:
    words = {access.new_password() for _ in range(50)}
    assert len(words) == 50
    assert all(len(word) >= 14 for word in words)
