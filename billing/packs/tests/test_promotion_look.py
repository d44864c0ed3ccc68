"""A promotion code as customers will see it, shown to staff before they do."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.staff import StaffRole
from billing.credits import clock
from billing.credits.units import NANO
from billing.packs.models import Pack, Promotion
from billing.packs.promotionlook import promotion_facts, promotion_look
from billing.packs.tests.conftest import Buy, code
from portal.testing.fixtures import client_of, person
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db
NOW = clock.now().replace(microsecond=0)
DAY = timedelta(days=1)


def staff(role: StaffRole | None) -> Client:
    user = person("sam@operator.example", "correct horse 9", "Sam Staff")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    if role is not None:
        user.groups.add(Group.objects.get(name=role.value))
    return client_of(User.objects.get(pk=user.pk))


def shown(promotion: Promotion, client: Client) -> str:
    page = client.get(reverse("admin:packs_promotion_preview", args=[promotion.pk]))
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def test_prices_with_the_code_as_the_buy_page_has_them() -> None:
    promotion = code(most=100)
    page = shown(promotion, staff(StaffRole.SUPPORT))
    for said in ("As a customer sees it", "SPRING is applied.", "$8.00", "instead of", "$10.00", "0 of 100", "once"):
        assert said in page, said
    assert "<form" not in page
    look = promotion_look(promotion)
    assert (look.said, look.refused, look.waits) == ("", [], False)
    assert [offer.terms.amount for offer in look.offers] == [pack.price * 4 // 5 for pack in Pack.objects.all()]


def test_credits_on_top_and_the_packs_it_is_not_for() -> None:
    promotion = code(percent_off=0, bonus_credits=250 * NANO)
    promotion.packs.add(Pack.objects.get(key="growth"))
    page = shown(promotion, staff(StaffRole.PRICING))
    assert "+250 with your code" in page
    assert "Starter: This code is not for Starter." in page
    assert "SPRING is applied." in page
    assert dict(promotion_facts(promotion))["Packs"] == "Growth"
    assert [offer.terms.promotion_credits // NANO for offer in promotion_look(promotion).offers] == [0, 250, 0]


def test_one_that_waits_is_shown_as_it_will_be() -> None:
    promotion = code(starts_at=NOW + 3 * DAY, ends_at=NOW + 9 * DAY)
    Pack.objects.filter(key="scale").update(ends_at=NOW + 2 * DAY)  # gone by then
    page = shown(promotion, staff(StaffRole.PRICING))
    assert f"This code can be used from {promotion.starts_at:%-d %B %Y} on." in page
    assert f"With the code, from {promotion.starts_at:%-d %B %Y, %H:%M} UTC on" in page
    assert "$8.00" in page
    assert "Scale" not in page


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"active": False}, "There is no such code."),
        ({"active": False, "starts_at": NOW + DAY}, "There is no such code."),
        ({"ends_at": NOW - DAY}, "This code has expired."),
    ],
)
def test_one_that_does_not_count_says_what_is_read(terms: dict[str, Any], said: str) -> None:
    promotion = code(**terms)
    page = shown(promotion, staff(StaffRole.PRICING))
    assert page.count(said) == 1
    assert "is applied" not in page
    assert [offer.terms.discount for offer in promotion_look(promotion).offers] == [0, 0, 0]


def test_used_up_by_others(shop: SimulatedStripe, buy: Buy) -> None:
    promotion = code(most=1)
    assert promotion_look(promotion).said == ""
    buy(code="SPRING")
    client = staff(StaffRole.PRICING)
    page = shown(promotion, client)
    assert page.count("This code is used up.") == 1
    assert "1 of 1" in page
    Promotion.objects.filter(pk=promotion.pk).update(most=None)
    page = shown(Promotion.objects.get(pk=promotion.pk), client)
    assert "SPRING is applied." in page  # once for each workspace: another one is looked at
    assert "1, without a limit" in page


def test_nothing_for_sale() -> None:
    Pack.objects.update(active=False)
    page = shown(code(), staff(StaffRole.PRICING))
    assert "No pack is on offer" in page


def test_who_may_see_it(client: Client) -> None:
    page = reverse("admin:packs_promotion_preview", args=[code().pk])
    assert staff(None).get(page).status_code == 403
    assert client.get(page).status_code == 302  # to sign in


def test_the_page_of_a_code_leads_there() -> None:
    promotion = code()
    client = staff(StaffRole.PRICING)
    page = client.get(reverse("admin:packs_promotion_change", args=[promotion.pk])).content.decode()
    assert reverse("admin:packs_promotion_preview", args=[promotion.pk]) in page
    assert client.get(reverse("admin:packs_promotion_preview", args=[promotion.pk + 999])).status_code == 404
