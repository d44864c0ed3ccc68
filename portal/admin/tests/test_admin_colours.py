"""The operator's accent colours the admin as well."""

import pytest
from django.test import Client, RequestFactory

from accounts.models import User
from billing.foundation.site.colours import DARK, ENOUGH, LIGHT, contrast, near, readable
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.services import site_update
from portal.admin.colours import SHIPPED_SCALE, colours, primary
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db
GREEN = "#0f766e"


@pytest.fixture
def client(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return client_of(User.objects.get(pk=alice.pk))


def rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[at : at + 2], 16) for at in (1, 3, 5)))


def test_the_shipped_one_until_another_is_chosen(
    client: Client, alice: User, django_capture_on_commit_callbacks
) -> None:  # type: ignore[no-untyped-def]
    page = client.get("/admin/").content.decode()
    assert SHIPPED_SCALE["600"] in page
    with django_capture_on_commit_callbacks(execute=True):
        site_update(changes={"accent_light": GREEN}, actor=alice)
    page = client.get("/admin/").content.decode()
    assert rgb(GREEN) in page
    assert rgb(near(GREEN, DARK)) in page
    assert SHIPPED_SCALE["600"] not in page
    with django_capture_on_commit_callbacks(execute=True):
        site_update(changes={"accent_light": ""}, actor=alice)
    assert SHIPPED_SCALE["600"] in client.get("/admin/").content.decode()  # nothing was written into the settings


@pytest.mark.parametrize("accent", [GREEN, "#b91c1c", "#1d4ed8", "#000000"])
def test_it_can_be_read_in_both_looks(accent: str) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"accent_light": accent})
    scale = primary()
    assert sorted(scale) == sorted(SHIPPED_SCALE)
    assert contrast("#ffffff", scale["600"]) >= ENOUGH
    assert readable(scale["600"], LIGHT) >= ENOUGH
    assert readable(scale["500"], DARK) >= ENOUGH


def test_the_greys_stay() -> None:
    found = colours(RequestFactory().get("/admin/"))
    assert {"base", "font", "primary"} <= set(found)
