"""The page of held prices: what waiting costs, who uses the model, and deciding on many at once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.credits import clock
from billing.metering.record import usage_record
from billing.metering.tests.conftest import SERVICE, event
from billing.pricing.approvals import markup_add
from billing.pricing.models import PriceLine
from billing.pricing.services import import_reading
from billing.pricing.testing import demo_reading, import_demo_prices
from portal.admin.tests.test_unrated import client_of

pytestmark = pytest.mark.django_db
URL = "/admin/price-approvals/"
Refresh = Callable[..., None]


@pytest.fixture
def staff(alice: User) -> Client:
    return client_of(alice, superuser=True)


@pytest.fixture
def refresh(db: None) -> Refresh:
    """Read the demo catalogue again, with other prices: model and meter → USD."""
    import_demo_prices()
    markup_add(percent=Decimal(20), by="a test", since_ever=True)

    def read(source: str = "genai-prices", **prices: str) -> None:
        reading = demo_reading(source)
        rows = [
            replace(row, price=Decimal(usd))
            if not row.dims and (usd := prices.get(f"{row.model}_{row.meter}".replace("-", "_").replace(".", "_")))
            else row
            for row in reading.rows
        ]
        import_reading(replace(reading, version="another", rows=rows), now=clock.now() + timedelta(hours=1))

    return read


def text_of(client: Client, query: str = "") -> str:
    page = client.get(URL + query)
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def pending() -> dict[str, int]:
    lines = PriceLine.objects.filter(status="pending").order_by("pk")
    return {f"{line.model} {line.meter}": line.pk for line in lines}


def test_nothing_waits(staff: Client, refresh: Refresh) -> None:
    assert "Nothing waits: every price that was read is in force." in text_of(staff)
    assert "dearer price" not in " ".join(staff.get("/admin/").content.decode().split())


def test_what_waits_is_shown_with_its_margin_and_who_uses_it(
    staff: Client, refresh: Refresh, workspace: Workspace
) -> None:
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event("e1", model="openai/gpt-4o"))
    refresh(gpt_4o_input_tokens="3.75", gpt_4o_mini_output_tokens="0.3")
    page = text_of(staff)
    assert "1 dearer price waits for your decision" in page
    # $2.50 at 20 % is sold for $3.00 and costs $3.75 now; $0.60 for $0.72 and costs $0.30.
    for words in ("$2.50", "$3.75", "+50%", "−$0.75", "sold below cost while it waits", "+$0.42", "-50%", "1M tokens"):
        assert words in page
    assert page.count("1 workspace,") == 1
    assert page.count("nobody") == 1
    assert "gpt-4o-mini" not in text_of(staff, "?show=rises")
    assert "1 dearer price waits for your decision (Price approvals)" in staff.get("/admin/").content.decode()


def test_a_source_that_does_not_decide_sells_nothing_below_cost(staff: Client, refresh: Refresh) -> None:
    mine = demo_reading("genai-prices")
    import_reading(replace(mine, source="litellm"))
    rows = [replace(row, price=row.price * 2) for row in mine.rows if row.model == "gpt-4o"]
    others = [row for row in mine.rows if row.model != "gpt-4o"]
    import_reading(replace(mine, source="litellm", version="2", rows=rows + others))
    page = text_of(staff)
    assert "genai-prices decides what is charged" in page
    assert "dearer price" not in page
    assert "sold below cost" not in page


def test_chosen_ones_are_approved_and_rejected(staff: Client, refresh: Refresh) -> None:
    refresh(gpt_4o_input_tokens="3.75", gpt_4o_mini_output_tokens="0.3", gpt_4o_output_tokens="20")
    ids = pending()
    chosen = [ids["gpt-4o input_tokens"], ids["gpt-4o-mini output_tokens"]]
    done = staff.post(URL, {"decision": "approve", "line": chosen}, follow=True).content.decode()
    assert "2 prices approved. They count a minute from now, a dearer one 24 hours from now." in done
    waits, soon = (PriceLine.objects.get(pk=pk).effective_from for pk in chosen)
    assert waits is not None
    assert soon is not None
    assert waits - soon > timedelta(hours=23)
    left = pending()
    assert list(left) == ["gpt-4o output_tokens"]
    done = staff.post(URL, {"decision": "reject", "line": [*left.values(), *chosen, "x"]}, follow=True).content.decode()
    assert "1 prices rejected" in done
    assert "active already" in done
    assert not pending()


def test_all_that_are_shown_are_decided_at_once(staff: Client, refresh: Refresh) -> None:
    refresh(gpt_4o_input_tokens="3.75", gpt_4o_mini_output_tokens="0.3")
    form = {"decision": "approve-all", "shown": list(pending().values()), "source": "genai-prices"}
    assert staff.post(URL, form)["Location"] == f"{URL}?source=genai-prices"
    assert not pending()
    assert "Choose at least one price" in staff.post(URL, {"decision": "approve"}, follow=True).content.decode()


def test_who_may_only_read_decides_nothing(bob: User, refresh: Refresh) -> None:
    reader = client_of(bob, "view_priceline")
    refresh(gpt_4o_input_tokens="3.75")
    assert "Approve chosen" not in text_of(reader)
    assert reader.post(URL, {"decision": "approve-all", "shown": list(pending().values())}).status_code == 403
    assert len(pending()) == 1
    assert client_of(bob).get(URL).status_code == 403
    assert Client().get(URL).status_code == 302
    assert reader.delete(URL).status_code == 405


def test_other_numbers_of_a_page_lead_on(staff: Client, refresh: Refresh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.admin.priceapprovals.PAGE", 1)
    refresh(gpt_4o_input_tokens="3.75", gpt_4o_mini_output_tokens="0.3")
    assert "Page 1 of 2" in text_of(staff)
    assert "?source=genai-prices&amp;page=2" in text_of(staff, "?source=genai-prices")
