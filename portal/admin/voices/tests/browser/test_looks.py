"""The staff's pages of voices, with much and with nothing: what axe finds in them, no sideways scrolling, and sound."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.staff import StaffRole
from billing.overview.tests.browser.conftest import Visit
from billing.voices.building import voice_build
from billing.voices.models import EngineVersion, Rollout, Voice
from billing.voices.provisioning import clips_add
from billing.voices.rollouts.steps import rollout_begin
from billing.voices.tests.browser.listening import heard
from billing.voices.tests.conftest import Plan, draft, enabled, engine, upload, work
from portal.admin.roles import roles_update
from portal.admin.tests.browser.conftest import Signing, picture, staff

pytestmark = pytest.mark.django_db(transaction=True)
OURS = "#content"
PAGES = ("voice-provisioning", "voice-provision", "voice-engine", "voice-rollout", "voice-jobs")


def wrong(tab: Visit, address: str) -> list[str]:
    """In the part of the page that is about voices, and how wide it all is."""
    picture(tab.open(address), f"staff{address.replace('/', '-')}")
    return tab.wrong()


@pytest.fixture
def page(signed_in: Signing) -> Page:
    roles_update()
    return signed_in(staff(StaffRole.ADMIN))


@pytest.fixture(params=[pytest.param(False, id="some"), pytest.param(True, id="whole", marks=pytest.mark.slow)])
def tab(request: pytest.FixtureRequest, page: Page) -> Visit:
    return Visit(page, "", "light", within=OURS, whole=request.param)


@pytest.fixture
def rolling(active: EngineVersion, plan: Plan) -> Rollout:
    """Two voices of which one could not be built on the version that is rolled out; one more is a draft."""
    plan(tone=True, lacks={"premium": ["clip 1: 12 dB signal to noise; 20 dB are needed: record in a quieter place"]})
    grace, hedy = enabled("Grace"), enabled("Hedy")
    clips_add(draft("Ida", consent=None).pk, [upload("more")], by="eve")
    work()
    plan(tone=True, fail={hedy.public_id: "the sample does not sound like the recordings"})
    version = engine("two")
    rollout = rollout_begin(version.pk, by="eve")
    work()
    voice_build(grace.pk, by="eve")
    return rollout


def test_pages_are_clean(tab: Visit, rolling: Rollout) -> None:
    addresses = [reverse(name) for name in PAGES]
    addresses += [reverse("voice", args=[voice.pk]) for voice in Voice.objects.exclude(name="Hedy")]
    addresses.append(reverse("voice-job", args=[rolling.jobs.get().pk]))
    addresses.append(reverse("voice-train", args=[rolling.version_id]))
    assert [each for address in addresses for each in wrong(tab, address)] == []


def test_pages_are_clean_where_nothing_is(tab: Visit, priced: None) -> None:
    assert [each for name in PAGES for each in wrong(tab, reverse(name))] == []


def test_old_and_new_are_played_side_by_side(page: Page, rolling: Rollout) -> None:
    page.goto(reverse("voice-rollout"))
    row = page.get_by_role("row").filter(has_text="Grace")
    assert heard(row.get_by_label("Grace as before")) == pytest.approx(1, abs=0.1)
    assert heard(row.get_by_label("Grace on two")) == pytest.approx(1, abs=0.1)
    failed = page.get_by_role("row").filter(has_text="Hedy")
    expect(failed).to_contain_text("does not sound like the recordings")
    expect(failed.locator("audio")).to_have_count(1)
