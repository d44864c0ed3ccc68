"""A store of its own for each test, prices for the tiers, and the stand-in for the pipeline."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.pricing.models import PriceLine
from billing.pricing.operator import Wish, price_set
from billing.pricing.testing import import_demo_prices
from billing.voices.building import voice_build
from billing.voices.clones.making import draft_make, recordings_add
from billing.voices.engines.services import licence_accept, light_register, version_register
from billing.voices.jobs.work import work_next
from billing.voices.models import EngineVersion, Voice, VoiceJob
from billing.voices.provisioning import Consent, Upload, clips_add, voice_make
from billing.voices.rollouts.steps import rollout_begin, rollout_switch
from billing.voices.services import voice_enable

STANDIN = Path(__file__).with_name("standin.py")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CONSENT = Consent("Ada Lovelace", "Signed on paper, file 12.")
Plan = Callable[..., None]


@pytest.fixture(autouse=True)
def store_root(tmp_path: Path, settings: LazySettings) -> Iterator[Path]:
    root = tmp_path / "voices"
    root.mkdir()
    settings.VOICE_ROOT = str(root)
    settings.VOICE_PIPELINE_CMD = [sys.executable, str(STANDIN)]
    yield root
    for folder in root.rglob("*"):
        if folder.is_dir():
            folder.chmod(0o700)  # versions are read-only


@pytest.fixture
def plan(store_root: Path) -> Plan:
    def make(**said: Any) -> None:
        (store_root / "plan.json").write_text(json.dumps(said))

    return make


@pytest.fixture
def staff(alice: User) -> User:
    return alice


@pytest.fixture
def priced(db: None) -> None:
    """Standard and premium have prices; ultra has none."""
    import_demo_prices()
    PriceLine.objects.filter(meter="voice_clones", dims={"tier": "ultra"}).update(effective_to=LONG_AGO)
    for tier, usd in (("standard", 2), ("premium", 20)):
        price_tier(tier, usd)


def price_tier(tier: str, usd: int) -> None:
    wish = Wish(
        provider="",
        model="",
        meter="voice_clones",
        price=Decimal(usd),
        per=1,
        variant=f"tier={tier}",
        customers_told=True,
    )
    price_set(wish, by="a test", now=clock.now() - timedelta(days=3))  # in force by now


def work() -> VoiceJob:
    """The next job, done here."""
    job = work_next()
    assert job is not None
    return job


def finished(job: VoiceJob) -> VoiceJob:
    assert (job.state, job.error) == (VoiceJob.State.DONE, "")
    return job


def engine(label: str = "one") -> EngineVersion:
    """A version that may be promoted."""
    from billing.voices import store

    folder = store.own_folder(f"engines/{label}")
    (folder / "model.pth").write_text(label)
    made = version_register(family="xtts", label=label, folder=label, licence="CPML 1.0.0", is_test=True, by="a test")
    return licence_accept(made.pk, statement="Trying only.", by="a test")


def promote(version: EngineVersion) -> EngineVersion:
    rollout = rollout_begin(version.pk, by="a test")
    while work_next():
        pass
    rollout_switch(rollout.pk, by="a test")
    return version


@pytest.fixture
def active(priced: None) -> EngineVersion:
    """The built-in engine serves."""
    version = light_register(by="a test")
    licence_accept(version.pk, statement="Ours.", by="a test")
    return promote(version)


def draft(name: str = "Ada", *, clips: int = 1, tier: str = "standard", consent: Consent | None = CONSENT) -> Voice:
    """With inspected clips."""
    voice = voice_make(name=name, language="en", tier=tier, consent=consent, by="a test")
    if clips:
        clips_add(voice.pk, [upload(f"{name} {number}") for number in range(clips)], by="a test")
        work()
    voice.refresh_from_db()
    return voice


def upload(text: str, name: str = "../../etc/clip.wav") -> Upload:
    return Upload(name, iter([text.encode(), b" more"]))


def enabled(name: str = "Ada", **how: Any) -> Voice:
    voice = draft(name, **how)
    voice_build(voice.pk, by="a test")
    finished(work())
    voice_enable(voice.pk, by="a test")
    voice.refresh_from_db()
    return voice


@pytest.fixture
def rich(workspace: Workspace) -> Workspace:
    credits_grant(workspace_id=workspace.pk, key="start", amount=100_000 * NANO, label="Start", source="bought")
    return workspace


@pytest.fixture
def made(rich: Workspace, active: EngineVersion, alice: User) -> Callable[..., Voice]:
    """`made(name)`: a draft of the workspace with recordings that were listened to."""

    def make(name: str = "Ada") -> Voice:
        voice = draft_make(workspace=rich, name=name, language="en", consent=CONSENT, by=alice)
        assert recordings_add(voice, [upload(f"{name} {number}") for number in range(2)], by=alice) == []
        work()
        voice.refresh_from_db()
        return voice

    return make
