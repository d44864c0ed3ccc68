"""A customer's clone in a browser, made by the real pipeline; the test is the voice worker."""

import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from playwright.sync_api import expect

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.selectors import balance
from billing.overview.tests.browser.conftest import Visiting
from billing.voices import store
from billing.voices.clones.quoting import quotes
from billing.voices.duework import voice_files
from billing.voices.models import EngineVersion, Voice
from billing.voices.tests import goodandbad as recordings
from billing.voices.tests.browser.listening import heard
from billing.voices.tests.conftest import finished, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def real(store_root: Path, settings: LazySettings) -> None:
    settings.VOICE_PIPELINE_CMD = [sys.executable, "-m", "voice_pipeline"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two good recordings and one that is refused."""
    folder = tmp_path_factory.mktemp("recordings")
    names = [*recordings.good(folder), "hollow.wav"]
    (folder / "hollow.wav").write_bytes(recordings.bad(folder)["hollow.wav"])
    return [folder / name for name in names]


def test_from_recordings_to_a_voice_that_is_moved_up_and_deleted(
    rich: Workspace, active: EngineVersion, files: list[Path], visit: Visiting
) -> None:
    had, costs = balance(rich.pk).available, quotes(rich.pk)
    page = visit().open(f"/w/{rich.public_id}/voices")
    page.get_by_role("link", name="Clone a voice").click()
    page.get_by_label("Name", exact=True).fill("Ada")
    page.get_by_label("Whose voice it is").fill("Ada Lovelace")
    page.get_by_label("Recordings").set_input_files(files)
    page.get_by_label("This person agreed").check()
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("heading", name="Listening to the recordings")).to_be_visible()
    finished(work())
    # From here on the open page follows by itself.
    clips = page.get_by_role("region", name="Recordings, as a table").locator("tbody tr")
    expect(clips.filter(has_text="hollow.wav")).to_contain_text("there is no audio in it")
    expect(clips.filter(has_text="Good")).to_have_count(2)
    ultra = page.get_by_role("row", name="Ultra")
    expect(ultra).to_have_count(0)  # it has no price
    page.get_by_role("button", name="Make it in Standard").click()
    expect(page.get_by_role("heading", name="Making it in Standard")).to_be_visible()
    assert balance(rich.pk).held == costs["standard"].amount
    finished(work())
    expect(page.get_by_role("heading", name="Move it up")).to_be_visible()
    assert (balance(rich.pk).held, balance(rich.pk).available) == (0, had - costs["standard"].amount)
    assert heard(page.get_by_label("Sample of Ada")) > 1
    page.get_by_role("button", name="Make it in Premium").click()
    expect(page.get_by_role("heading", name="Making it in Premium")).to_be_visible()
    assert balance(rich.pk).held == costs["premium"].amount - costs["standard"].amount
    finished(work())
    expect(page.locator("#voice .tag--ok").first).to_have_text("Premium")
    assert balance(rich.pk).available == had - costs["premium"].amount
    assert heard(page.get_by_label("Sample of Ada")) > 1
    voice = Voice.objects.get()
    page.get_by_label("Type Ada").fill("Ada")
    page.get_by_role("button", name="Delete this voice").click()
    expect(page.get_by_text("Ada is deleted.")).to_be_visible()
    assert voice_files(now=clock.now(), limit=10) == 1
    assert not store.absolute(f"voices/{voice.public_id}").exists()


def test_without_scripts(rich: Workspace, active: EngineVersion, files: list[Path], visit: Visiting) -> None:
    page = visit(390, java_script_enabled=False).open(f"/w/{rich.public_id}/voices/new")
    page.get_by_label("Name", exact=True).fill("Ada")
    page.get_by_label("Whose voice it is").fill("Ada Lovelace")
    page.get_by_label("Recordings").set_input_files(files)
    page.get_by_label("This person agreed").check()
    page.get_by_role("button", name="Upload and check").click()
    finished(work())
    page.get_by_role("link", name="Look again").click()
    page.get_by_role("button", name="Make it in Standard").click()
    finished(work())
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("were charged for it")).to_be_visible()
    page.get_by_label("Type Ada").fill("Ada")
    page.get_by_role("button", name="Delete this voice").click()
    expect(page.get_by_text("Ada is deleted.")).to_be_visible()
    assert Voice.objects.get().state == "deleted"
