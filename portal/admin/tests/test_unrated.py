"""The page of usage without a price: what waits, by what it waits for; and charging it by a button."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record
from billing.metering.tasks import CHARGING
from billing.metering.tests.conftest import NOW, SERVICE, event
from billing.metering.tests.pricing import price_appears
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db
URL = "/admin/unrated/"


@pytest.fixture
def report(workspace: Workspace) -> Callable[..., None]:
    import_demo_prices()

    def run(event_id: str, model: str = "acme/brain", **fields: object) -> None:
        usage_record(workspace_id=workspace.pk, source=SERVICE, event=event(event_id, model=model, **fields))  # type: ignore[arg-type]

    return run


def client_of(person: User, *permissions: str, superuser: bool = False) -> Client:
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=superuser)
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(User.objects.get(pk=person.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def staff(alice: User) -> Client:
    return client_of(alice, superuser=True)


def text_of(client: Client) -> str:
    page = client.get(URL)
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def test_nothing_waits(staff: Client) -> None:
    assert "Everything is priced" in text_of(staff)
    assert "Charge now" not in text_of(staff)


def test_what_waits_is_grouped_by_model_and_meters(staff: Client, report: Callable[..., None]) -> None:
    for index in range(3):
        report(f"a{index}", occurred_at=clock.now() - timedelta(days=index))
    report("b", "openai/gpt-4o-mini", usage={"input_tokens": 1, "sparkles": 2})
    text = text_of(staff)
    assert "4 events were recorded without a price" in text
    assert "This model is not in the catalogue." in text
    assert "sparkles has no price at openai/gpt-4o-mini" in text
    assert text.index("acme/brain") < text.index("input_tokens, sparkles")
    assert f"{clock.now() - timedelta(days=2):%H:%M}" in text
    tile = staff.get("/admin/").content.decode()
    assert URL in tile
    assert "recorded, not charged" in tile


def test_the_button_charges_what_has_a_price(staff: Client, report: Callable[..., None]) -> None:
    report("a"), report("b", "acme/other")
    assert "no event that waits has a price yet" in staff.post(URL, follow=True).content.decode()
    price_appears()
    assert "about to be charged" in text_of(staff)
    assert "1 event got a price and was charged." in staff.post(URL, follow=True).content.decode()
    assert "no event that waits has a price yet" in staff.post(URL, follow=True).content.decode()
    assert dict(UsageEvent.objects.values_list("event_id", "amount")) == {"a": 360_000_000, "b": 0}
    assert AuditEntry.objects.filter(action="usage.charged_later", target="1 events").count() == 1


def test_looking_needs_a_permission_and_charging_another(bob: User, report: Callable[..., None]) -> None:
    report("a")
    price_appears()
    assert client_of(bob).get(URL).status_code == 403
    reader = client_of(bob, "view_usageevent")
    assert "Charge now" not in text_of(reader)
    assert reader.post(URL).status_code == 403
    assert UsageEvent.objects.get().amount == 0
    assert reader.put(URL).status_code == 405
    poster = client_of(bob, "view_usageevent", "add_operation")
    assert "Charge now" in text_of(poster)


def test_staff_are_told_once_a_day_and_only_of_further_events(staff: Client, report: Callable[..., None]) -> None:
    def mails() -> int:
        (run,) = run_due(only=CHARGING)
        assert run.error == ""
        return OutboxMessage.objects.filter(kind="usage.unrated").count()

    with clock.at(NOW):
        assert mails() == 0
        report("a"), report("b", "openai/gpt-4o-mini", usage={"sparkles": 2})
    counts = []
    for hours, further in ((1, False), (2, True), (30, False), (31, True), (90, False), (200, False)):
        with clock.at(NOW + timedelta(hours=hours)):
            if further:
                report(f"further{hours}")
            counts.append(mails())
    assert counts == [1, 1, 2, 2, 3, 3]
    text = OutboxMessage.objects.earliest("pk").text
    assert "2 events wait for a price" in text
    assert "- acme/brain (input_tokens, output_tokens): 1 event, since 10 Mar 2026, 12:30 UTC." in text
    assert "/admin/unrated/" in text


@pytest.fixture
def large(report: Callable[..., None]) -> int:
    """Waits for a price of its variant, which began after it."""
    small, huge = (
        PriceRow("acme", "pics", "images", "image", Decimal(usd), 1, (("size", size),))
        for usd, size in (("1", "small"), ("2", "huge"))
    )
    described = [ModelRow("acme", "pics", "Pics", "image")]
    with clock.at(clock.now() - timedelta(hours=2)):
        import_reading(Reading("litellm", "1", [small], described))
        report("large", "acme/pics", usage={"images": 1}, variant={"size": "huge"})
        import_reading(Reading("litellm", "2", [small, huge], described))
    return UsageEvent.objects.get().pk


def decided(client: Client, group: object, way: str, reason: str = "They agreed") -> str:
    page = client.post(URL, {"group": group, "way": way, "reason": reason}, follow=True)
    return " ".join(page.content.decode().split())


def test_staff_charge_what_waits_at_the_first_price_after_it(staff: Client, large: int) -> None:
    text = text_of(staff)
    assert "There is a price since" in text
    assert "Charge at the first price after each" in text
    assert "no event that waits has a price yet" in staff.post(URL, follow=True).content.decode()
    assert "1 event got the first price after it." in decided(staff, large, "later")
    assert "Nothing was done" in decided(staff, large, "later")
    assert UsageEvent.objects.get().amount == 400 * NANO
    entry = AuditEntry.objects.get(action="usage.charged_later")
    assert (entry.target, entry.reason) == (f"1 events like {large}", "They agreed")
    assert "Everything is priced" in text_of(staff)


def test_staff_charge_nothing_for_what_never_gets_a_price(staff: Client, report: Callable[..., None]) -> None:
    report("a", "acme/brian"), report("b", "acme/brian"), report("c", "acme/other")
    first = UsageEvent.objects.get(event_id="a").pk
    assert "Charge at the first price" not in text_of(staff)
    assert "Nothing was done" in decided(staff, first, "later")
    assert "2 events stopped waiting, and nothing is charged for them." in decided(staff, first, "nothing")
    assert AuditEntry.objects.filter(action="usage.charged_nothing", reason="They agreed").count() == 1
    assert list(UsageEvent.objects.exclude(problem="").values_list("event_id", flat=True)) == ["c"]
    assert "acme/brian" not in text_of(staff)


@pytest.mark.parametrize(
    ("group", "way", "reason"),
    [
        ("", "nothing", "x"),
        ("1e3", "nothing", "x"),
        ("{}", "own", "x"),
        ("{}", "nothing", " "),
        ("{}", "later", "x" * 201),
    ],
)
def test_a_decision_that_is_incomplete_does_nothing(
    staff: Client, large: int, group: str, way: str, reason: str
) -> None:
    text = decided(staff, group.format(large), way, reason)
    assert "Say why" in text or "Choose what to do" in text
    assert UsageEvent.objects.get().problem == "unknown_meter"
    assert not AuditEntry.objects.filter(action__startswith="usage.charged").exists()


def test_deciding_needs_the_permission_to_post(bob: User, large: int) -> None:
    reader = client_of(bob, "view_usageevent")
    assert "Decide</summary>" not in text_of(reader)
    assert reader.post(URL, {"group": large, "way": "nothing", "reason": "x"}).status_code == 403
    assert UsageEvent.objects.get().problem == "unknown_meter"
