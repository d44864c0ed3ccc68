"""The operator's colours and logo: readable by all, safe, from our own origin, in pages, mails and documents."""

import re
import struct
import zlib

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User, Workspace
from billing.foundation.mail.letters import Letter, rendered
from billing.foundation.site.colours import (
    DARK,
    ENOUGH,
    LIGHT,
    Shade,
    contrast,
    ink_on,
    near,
    readable,
)
from billing.foundation.site.logos import checked, logo_save
from billing.foundation.site.look import accents, stylesheet, stylesheet_name
from billing.foundation.site.models import SiteLogo, SiteSettings
from billing.foundation.site.selectors import site
from billing.foundation.site.services import site_update

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def png(width: int = 40, height: int = 20, *, tell: tuple[int, int] | None = None) -> bytes:
    """A red picture; `tell` is what its head says instead of its size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", *(tell or (width, height)), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#0f766e", "#ffffff", 5.47),
        ("#fff000", "#fff000", 1),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


@given(colour=COLOURS, shade=st.sampled_from([LIGHT, DARK]))
def test_there_is_always_a_near_colour_that_can_be_read(colour: str, shade: Shade) -> None:
    found = near(colour, shade)
    assert readable(found, shade) >= ENOUGH
    assert contrast(ink_on(found), found) >= ENOUGH
    if readable(colour, shade) >= ENOUGH:
        assert found == colour


@given(colour=COLOURS)
def test_a_dark_look_made_of_the_light_one_can_be_read(colour: str) -> None:
    light, dark = accents(SiteSettings(accent_light=near(colour, LIGHT)))
    assert readable(dark.link, DARK) >= ENOUGH
    assert contrast(light.ink, light.button) >= ENOUGH


@pytest.mark.django_db
def test_a_colour_nobody_can_read_is_refused_with_one_that_all_can(alice: User) -> None:
    with pytest.raises(ValidationError) as refused:
        site_update(changes={"accent_light": "#ffd400", "accent_dark": "#1a1a60"}, actor=alice)
    said = refused.value.message_dict
    assert re.search(r"#ffd400 has a contrast of 1\.\d to 1", said["accent_light"][0])
    proposed = {field: re.findall(r"#[0-9a-f]{6}", text[0])[1] for field, text in said.items()}
    site_update(changes=proposed, actor=alice)
    assert site().accent_light == proposed["accent_light"]


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["red", "#fff", "#12345g", "#123456;}", "#123456\n"])
def test_only_colours_are_taken(alice: User, text: str) -> None:
    with pytest.raises(ValidationError):
        site_update(changes={"accent_light": text}, actor=alice)
    with pytest.raises(Exception, match=r"site_accents_are_colours|too long"), transaction.atomic():
        SiteSettings.objects.update_or_create(pk=1, defaults={"accent_light": text})


@pytest.mark.django_db
def test_the_stylesheet_is_of_our_own_origin_and_named_by_its_content(client: Client, alice: User) -> None:
    assert stylesheet_name(site()) == ""
    assert "look/" not in client.get(reverse("account_login")).content.decode()
    site_update(changes={"accent_light": "#0f766e"}, actor=alice)
    page = client.get(reverse("account_login"))
    (href,) = re.findall(r'href="(/look/[0-9a-f]{16}\.css)"', page.content.decode())
    answer = client.get(href)
    assert answer["Content-Type"].startswith("text/css")
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "--accent: light-dark(#0f766e, #" in answer.content.decode()
    assert "Set-Cookie" not in answer
    assert "style-src 'self'" in page["Content-Security-Policy"].split("; ")
    assert client.get("/look/0123456789abcdef.css")["Cache-Control"] == "no-store"
    site_update(changes={"accent_light": ""}, actor=alice)
    assert client.get(href).status_code == 404
    assert stylesheet(site()) == ""


@pytest.mark.django_db
def test_a_logo_is_served_with_its_type_for_ever(client: Client, alice: User) -> None:
    row = logo_save(png())
    assert logo_save(png()).pk == row.pk
    assert (row.width, row.height) == (40, 20)
    site_update(changes={"logo": row}, actor=alice)
    answer = client.get(reverse("foundation:logo", args=[row.name]))
    assert (answer["Content-Type"], answer.content) == ("image/png", png())
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer["Cache-Control"]
    page = client.get(reverse("account_login")).content.decode()
    assert f'src="/look/logo/{row.name}"' in page
    assert client.get("/look/logo/" + "0" * 64 + ".png").status_code == 404


@pytest.mark.django_db
def test_a_logo_that_holds_the_name_stands_alone(client: Client, alice: User) -> None:
    site_update(changes={"logo": logo_save(png(200, 40)), "product_name": "Coin"}, actor=alice)
    assert "<b>Coin</b>" not in client.get(reverse("account_login")).content.decode()
    assert 'alt="Coin"' in client.get(reverse("account_login")).content.decode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "no PNG or JPEG"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "no PNG or JPEG"),
        (b"", "no PNG or JPEG"),
        (b"\x89PNG\r\n\x1a\n<svg/>", "damaged"),
        (png()[:-30], "cannot be read"),
        (png(tell=(40, 4_000)), "40 × 4,000 pixels"),
        (png(tell=(50_000, 50_000)), "50,000 × 50,000 pixels"),
        (png(8, 8), "8 × 8 pixels"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 40, "damaged"),
        (png() + b"\0" * 200_000, "at most 200,000"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        checked(data)


@pytest.mark.django_db
def test_a_picture_is_kept_while_it_is_used_and_named_by_its_bytes(alice: User) -> None:
    row = logo_save(png())
    site_update(changes={"logo": row}, actor=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        SiteLogo.objects.filter(pk=row.pk).delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        SiteLogo.objects.create(name="logo.svg", data=b"x", width=20, height=20)


@pytest.mark.django_db
def test_mails_have_the_look(alice: User) -> None:
    letter = Letter(subject="Hello", text="Text.", reason="you asked", link="https://example.com/", button="Open")
    assert "#3a50d5" in rendered(letter).html
    row = logo_save(png(60, 40))
    site_update(changes={"accent_light": "#0f766e", "logo": row}, actor=alice)
    html = rendered(letter).html
    assert "#3a50d5" not in html
    assert "background:#0f766e;" in html
    assert f'/look/logo/{row.name}"' in html
    assert 'width="42"' in html


@pytest.mark.django_db
def test_cached_settings_know_the_logo_without_its_bytes(
    alice: User, workspace: Workspace, django_assert_num_queries: object
) -> None:
    site_update(changes={"logo": logo_save(png())}, actor=alice)
    with django_assert_num_queries(1):  # type: ignore[operator]
        of = site()
        assert of.logo is not None
        assert of.logo.width == 40
    assert "data" in of.logo.get_deferred_fields()
