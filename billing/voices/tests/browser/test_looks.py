"""Every page of voices in every state a voice can be in: no error in the console, nothing that axe finds, no sideways
scrolling, wide and narrow, light and dark.
"""

import hashlib

import pytest

from accounts.models import User, Workspace
from billing.credits.units import NANO
from billing.ledger.services import credits_adjust
from billing.overview.tests.browser.conftest import Visit, Visiting
from billing.voices.clones.making import draft_make, recordings_add
from billing.voices.clones.ordering import clone_order
from billing.voices.clones.quoting import quotes
from billing.voices.models import EngineVersion, Voice
from billing.voices.provisioning import clip_exclude
from billing.voices.tests.browser.listening import heard
from billing.voices.tests.conftest import CONSENT, Plan, enabled, upload, work

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "it is longer than 300 seconds: cut it"
LACK = "clip 1: 12 dB signal to noise; 20 dB are needed: record in a quieter place"


def drafted(workspace: Workspace, name: str, by: User) -> Voice:
    """With three recordings that nobody has listened to."""
    voice = draft_make(workspace=workspace, name=name, language="en", consent=CONSENT, by=by)
    recordings_add(voice, [upload(f"{name} {number}", f"{name} {number}.wav") for number in range(3)], by=by)
    return voice


def order(workspace: Workspace, voice: Voice, by: User) -> None:
    expected = quotes(workspace.pk)["standard"].amount
    clone_order(workspace=workspace, voice=voice, tier="standard", expected=expected, by=by)


@pytest.fixture
def voices(rich: Workspace, active: EngineVersion, alice: User, plan: Plan) -> dict[str, str]:
    """The workspace's voices by what became of them; and one of the platform."""
    refused = hashlib.sha256(b"Dora 1 more").hexdigest()
    plan(lacks={"premium": [LACK]}, refuse={refused: WHY})
    enabled("Grace")
    found = {name: drafted(rich, name, alice) for name in ("Dora", "Fred", "Rita")}
    for _ in found:
        work()
    clip_exclude(found["Dora"].clips.get(position=3).pk, reason="left out by its owner", by=alice)
    work()
    plan(fail={found["Fred"].public_id: "the sample does not sound like the recordings"})
    for name in ("Fred", "Rita"):
        order(rich, found[name], alice)
        work()
    for name in ("Mary", "Lena"):
        found[name] = drafted(rich, name, alice)
    work()
    order(rich, found["Mary"], alice)
    return {name: voice.public_id for name, voice in found.items()}


TEXTS = {
    "Dora": LACK,
    "Fred": "does not sound like the recordings",
    "Rita": "were charged for it",
    "Mary": "are held for it",
    "Lena": "Listening to the recordings",
}


def test_pages_are_clean(rich: Workspace, voices: dict[str, str], tab: Visit) -> None:
    home = f"/w/{rich.public_id}/voices"
    found = tab.wrong_at(home, "Being made") + tab.wrong_at(f"{home}/new", "Whose voice it is")
    for name, text in TEXTS.items():
        found += tab.wrong_at(f"{home}/{voices[name]}", text)
    found += tab.wrong_at(f"/w/{rich.public_id}/models", "Voices for everybody")
    assert found == []


def test_pages_are_clean_where_nothing_is(rich: Workspace, priced: None, tab: Visit) -> None:
    home = f"/w/{rich.public_id}/voices"
    found = tab.wrong_at(home, "Voices cannot be cloned at present")
    assert found + tab.wrong_at(f"{home}/new", "has not set it up") == []


def test_pages_are_clean_before_the_first_voice(
    rich: Workspace, active: EngineVersion, alice: User, tab: Visit
) -> None:
    home = f"/w/{rich.public_id}/voices"
    found = tab.wrong_at(home, "No voice of your own yet")
    poor = drafted(rich, "Paul", alice)
    work()
    credits_adjust(workspace_id=rich.pk, key="spent", amount=-99_999 * NANO, reason="test", actor="operator")
    found += tab.wrong_at(f"{home}/{poor.public_id}", "Add credits")
    assert found == []


def test_samples_are_played(rich: Workspace, active: EngineVersion, plan: Plan, visit: Visiting) -> None:
    plan(tone=True)
    enabled("Grace")
    page = visit().open(f"/w/{rich.public_id}/voices")
    assert heard(page.get_by_label("Sample of Grace")) == pytest.approx(1, abs=0.1)
    page.goto(page.url.replace("/voices", "/models"))
    assert heard(page.get_by_label("Sample of Grace")) == pytest.approx(1, abs=0.1)
