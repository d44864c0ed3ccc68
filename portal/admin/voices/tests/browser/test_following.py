"""Following a job in a browser: the page changes by itself with scripts, and by its links without them."""

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from accounts.staff import StaffRole
from billing.voices.jobs.services import job_claim
from billing.voices.models import EngineVersion, Voice, VoiceJob
from billing.voices.provisioning import clips_add
from billing.voices.tests.conftest import draft, enabled, upload
from portal.admin.roles import roles_update
from portal.admin.tests.browser.conftest import Signing, picture, staff
from portal.testing.chromium import patient
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_is_seen_to_move(signed_in: Signing, active: EngineVersion) -> None:
    roles_update()
    clips_add(draft(clips=0).pk, [upload("one")], by="eve")
    page = signed_in(staff(StaffRole.ADMIN))
    job = VoiceJob.objects.filter(kind="inspect").latest("pk")
    page.goto(reverse("voice-job", args=[job.pk]))
    expect(page.locator("#job")).to_contain_text("Waits for a worker")
    assert job_claim() == job
    VoiceJob.objects.filter(pk=job.pk).update(stage="inspect", progress_done=3, progress_total=4)
    expect(page.locator("#job")).to_contain_text("3 of 4 (75%)")
    picture(page, "voice-job")
    VoiceJob.objects.filter(pk=job.pk).update(state="failed", error="It is silent.", finished_at=job.created_at)
    expect(page.locator("#job")).to_contain_text("It is silent.")
    expect(page.locator("#job[hx-get]")).to_have_count(0)  # nothing is asked for any more
    page.goto(reverse("voice-provisioning"))
    expect(page.get_by_role("alert")).to_contain_text("TEST ENGINE")
    picture(page, "voices")


def test_everything_works_without_scripts(browser: Browser, live_server: LiveServer, active: EngineVersion) -> None:
    roles_update()
    voice = enabled()
    context = patient(browser.new_context(base_url=live_server.url, java_script_enabled=False))
    value = client_of(staff(StaffRole.ADMIN)).cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])
    page = context.new_page()
    page.goto(reverse("voice-provisioning"))
    page.get_by_role("link", name="Ada", exact=True).click()
    expect(page.locator("audio").first).to_be_visible()
    page.get_by_role("link", name="Retire", exact=True).click()
    page.locator("textarea[name=reason]").fill("Nobody chose it.")
    page.locator("input[name=confirmed]").check()
    page.get_by_role("button", name="Retire").click()
    expect(page.get_by_text("is retired: nobody can choose it any more")).to_be_visible()
    assert Voice.objects.get(pk=voice.pk).state == "retired"
    context.close()
