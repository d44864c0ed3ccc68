"""Packs that are for sale from a day on, or until one; what staff and customers see of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.onoffer import offer_state, on_offer
from billing.packs.models import Pack
from billing.packs.selectors import pack_for
from billing.packs.tests.test_admin import FIELDS, staff, text, url

__all__ = ["staff"]  # the fixture

NOW = clock.now().replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("active", "starts", "ends", "kind"),
    [
        (True, None, None, "on"),
        (True, NOW, None, "on"),
        (True, NOW + HOUR, None, "waiting"),
        (True, NOW - HOUR, NOW + HOUR, "ending"),
        (True, NOW - HOUR, NOW, "over"),
        (True, None, NOW - HOUR, "over"),
        (False, None, None, "off"),
    ],
)
def test_from_its_start_until_before_its_end(
    active: bool, starts: datetime | None, ends: datetime | None, kind: str
) -> None:
    assert offer_state(active, starts, ends, NOW).kind == kind
    assert (active and on_offer(starts, ends, NOW)) == (kind in ("on", "ending"))


def test_it_is_sold_in_its_time_only(workspace: Workspace) -> None:
    Pack.objects.create(key="may", name="May", credits=10**9, price=500, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    found = {}
    for hours in (0, 1, 1.5, 2, 3):
        with clock.at(NOW + timedelta(hours=hours)):
            found[hours] = pack_for(workspace, "may") is not None
    assert found == {0: False, 1: True, 1.5: True, 2: False, 3: False}


def test_no_time_ends_before_it_begins(db: None) -> None:
    with pytest.raises(IntegrityError, match="pack_ends_after_its_start"), transaction.atomic():
        Pack.objects.create(key="may", name="May", credits=10**9, price=500, starts_at=NOW, ends_at=NOW)


def test_staff_see_when_and_how_it_looks(staff: Client) -> None:
    day = NOW + timedelta(days=2)
    times = {"starts_at_0": f"{day:%Y-%m-%d}", "starts_at_1": "08:00"}
    backwards: dict[str, Any] = times | {"ends_at_0": f"{day:%Y-%m-%d}", "ends_at_1": "07:00"}
    assert "After its start." in text(staff.post(url("pack_add"), FIELDS | backwards))
    assert staff.post(url("pack_add"), FIELDS | times).status_code == 302
    pack = Pack.objects.get(key="mega")
    assert pack.starts_at == day.replace(hour=8, minute=0, second=0)
    assert f"from {day:%-d %b %Y}, 08:00" in text(staff.get(url("pack_changelist")))
    look = text(staff.get(reverse("admin:packs_pack_preview", args=[pack.pk])))
    for said in ("As a customer sees it", "$450.00", "100,000.5", "disabled"):
        assert said in look
    assert "<form" not in look
