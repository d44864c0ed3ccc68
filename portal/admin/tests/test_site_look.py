"""Logo and colours through the form: checked, shown, written down."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.foundation.audit.models import AuditEntry
from billing.foundation.site.models import SiteLogo
from billing.foundation.site.selectors import site
from billing.foundation.tests.test_look import png
from portal.admin.tests.test_pages import settings_form
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return client_of(User.objects.get(pk=alice.pk))


def page() -> str:
    return reverse("admin:foundation_sitesettings_change", args=[site().pk])


def chosen(data: bytes, name: str = "logo.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type="image/png")


def test_a_logo_is_taken_shown_and_taken_away(staff: Client) -> None:
    wish: dict[str, object] = {**settings_form(accent_light="#0F766E"), "new_logo": chosen(png())}
    assert staff.post(page(), wish).status_code == 302
    row = SiteLogo.objects.get()
    assert (site().logo_id, site().accent_light) == (row.pk, "#0f766e")
    shown = staff.get(page()).content.decode()
    assert f"/look/logo/{row.pk}" in shown
    assert "background:#0f766e" in shown
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_label) == ("site.updated", "alice@example.com")
    assert entry.before == {"accent_light": "", "logo": None}
    assert entry.after == {"accent_light": "#0f766e", "logo": row.pk}
    form = {name: text for name, text in settings_form().items() if name != "logo"}
    assert staff.post(page(), form | {"no_logo": "on"}).status_code == 302
    assert site().logo is None
    assert AuditEntry.objects.first().after == {"logo": None}  # type: ignore[union-attr]
    assert SiteLogo.objects.exists()  # former mails show it


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "new_logo",
            chosen(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "logo.png"),
            "This is no PNG or JPEG picture",
        ),
        ("new_logo", chosen(b"\0" * 300_000), "at most 200,000"),
        ("accent_light", "#ffd400", "is near and has enough"),
        ("accent_dark", "#101010", "is near and has enough"),
        ("accent_light", "teal", "such as #0f766e"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(staff: Client, name: str, value: object, said: str) -> None:
    answer = staff.post(page(), {**settings_form(), name: value})
    assert answer.status_code == 200
    assert said in str(answer.context["adminform"].form.errors[name])
    assert not SiteLogo.objects.exists()
    assert not AuditEntry.objects.exists()


def test_the_admin_has_the_name_of_the_product(staff: Client) -> None:
    staff.post(page(), settings_form(product_name="Coin"))
    assert "Coin operations" in staff.get(reverse("admin:index")).content.decode()
