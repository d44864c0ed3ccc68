import csv
from decimal import Decimal
from io import StringIO

import pytest
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from accounts.models import Project, Workspace
from billing.credits.units import credits
from billing.metering.events import EventInput, Source
from billing.metering.models import HourTotal, UsageEvent
from billing.metering.record import usage_record
from billing.overview.labels import DIMENSIONS
from billing.overview.templatetags.overview import lower_first, when


def page(client: Client, workspace: Workspace, **query: str) -> str:
    response = client.get(f"/w/{workspace.public_id}/usage", query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def table(client: Client, workspace: Workspace, **query: str) -> list[dict[str, str]]:
    response = client.get(f"/w/{workspace.public_id}/usage.csv", query)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="usage-by-')
    return list(csv.DictReader(StringIO(response.content.decode())))


@pytest.mark.parametrize("by", DIMENSIONS)
def test_every_grouping_adds_up_to_all_usage(alice_client: Client, northwind: Workspace, by: str) -> None:
    total = HourTotal.objects.filter(workspace=northwind).aggregate(Sum("amount"), Sum("requests"))
    rows = table(alice_client, northwind, by=by)
    assert sum(Decimal(row["credits"]) for row in rows) == credits(total["amount__sum"])
    assert sum(int(row["requests"]) for row in rows) == total["requests__sum"]
    assert f"Spend by {lower_first(DIMENSIONS[by])}" in page(alice_client, northwind, by=by)


def test_a_value_can_be_looked_into_and_taken_off_again(alice_client: Client, northwind: Workspace) -> None:
    everything = table(alice_client, northwind, by="task")
    text = page(alice_client, northwind, by="task", only_model="openai/gpt-4o-mini")
    assert "Show all again, not only Model openai/gpt-4o-mini" in text
    rows = table(alice_client, northwind, by="task", only_model="openai/gpt-4o-mini")
    assert [row["name"] for row in rows] == ["Summarization"]
    assert len(everything) > len(rows)


def test_projects_are_filtered_by_id_and_shown_by_name(alice_client: Client, northwind: Workspace) -> None:
    project = Project.objects.get(workspace=northwind)
    rows = {row["project"]: row["name"] for row in table(alice_client, northwind, by="project")}
    assert rows == {str(project.pk): "Production", "": "No project"}
    assert "Production" in page(alice_client, northwind, only_project=str(project.pk))
    assert "No project" in page(alice_client, northwind, only_project="-")


def test_end_users_lead_to_their_requests_and_are_not_divided_further(
    alice_client: Client, northwind: Workspace
) -> None:
    usage = {"input_tokens": Decimal(1200), "output_tokens": Decimal(300)}
    reported = EventInput("of_ann", "openai/gpt-4o-mini", usage, end_user="u_ann")
    usage_record(workspace_id=northwind.pk, source=Source("service"), event=reported)
    text = page(alice_client, northwind, by="end_user")
    assert "only_end_user=u_ann" in text
    assert "by-end_user" not in page(alice_client, northwind, by="task", only_model="openai/gpt-4o-mini")
    assert "No end user" in page(alice_client, northwind, by="end_user", only_model="openai/gpt-4o-mini")
    rows = {row["end_user"]: row for row in table(alice_client, northwind, by="end_user")}
    assert (rows["u_ann"]["credits"], rows["u_ann"]["tokens"]) == ("0.072", "1500")
    listed = alice_client.get(f"/w/{northwind.public_id}/usage/requests", {"by": "end_user", "only_end_user": "u_ann"})
    assert "Show all again, not only End user u_ann" in listed.content.decode()
    assert listed.context["events"] == [UsageEvent.objects.get(event_id="of_ann")]


def test_quantity_is_offered_by_meter_and_drawn_for_one(alice_client: Client, northwind: Workspace) -> None:
    assert "metric-quantity" not in page(alice_client, northwind, by="model")
    assert "Choose one meter" in page(alice_client, northwind, by="meter", metric="quantity")
    one = page(alice_client, northwind, by="model", metric="quantity", only_meter="images")
    assert "Quantity by model" in one
    assert "Choose one meter" not in one


def test_days_without_usage_say_so(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, **{"from": "2020-01-01", "to": "2020-01-31"})
    assert text.count("No usage in these days") == 2


@pytest.mark.parametrize(
    "query",
    [
        {"by": "nonsense", "metric": "nonsense", "range": "nonsense"},
        {"from": "yesterday", "to": "0000-00-00"},
        {"from": "0001-01-01", "to": "9999-12-31"},
        {"from": "0001-01-01", "to": "0001-01-02"},
        {"only_project": "x; DROP", "only_key": "99999999999999999999"},
        {"only_model": "a\x00b"},
    ],
)
def test_nothing_in_the_address_breaks_the_page(
    alice_client: Client, northwind: Workspace, query: dict[str, str]
) -> None:
    assert "Usage" in page(alice_client, northwind, **query)
    assert alice_client.get(f"/w/{northwind.public_id}/usage.csv", query).status_code == 200


def test_the_csv_is_safe_in_a_spreadsheet(alice_client: Client, northwind: Workspace) -> None:
    event = EventInput("odd", "openai/gpt-4o-mini", {"input_tokens": Decimal(10)}, agent="=HYPERLINK(1)")
    usage_record(workspace_id=northwind.pk, source=Source("service"), event=event)
    assert "'=HYPERLINK(1)" in [row["agent"] for row in table(alice_client, northwind, by="agent")]


def test_htmx_gets_the_report_alone(alice_client: Client, northwind: Workspace) -> None:
    url = f"/w/{northwind.public_id}/usage?by=task"
    response = alice_client.get(url, headers={"HX-Request": "true", "HX-Target": "report"})
    assert response.content.decode().lstrip().startswith('<div id="report"')


def requests_page(client: Client, workspace: Workspace, query: str) -> str:
    response = client.get(f"/w/{workspace.public_id}/usage/requests?{query}")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("by", ["model", "provider", "task", "project", "agent", "app"])
def test_a_count_opens_to_as_many_requests(alice_client: Client, northwind: Workspace, by: str) -> None:
    context = alice_client.get(f"/w/{northwind.public_id}/usage", {"by": by, "range": "7"}).context
    lines = [line for line in context["lines"] if line.requests]
    assert lines
    for line in lines:
        seen, query = 0, line.requests
        while query:
            found = alice_client.get(f"/w/{northwind.public_id}/usage/requests?{query}").context
            seen += len(found["events"])
            query = f"{line.requests}&cursor={found['cursor']}" if found["cursor"] else ""
        assert seen == line.row.requests


def test_requests_are_listed_with_their_day_and_can_be_opened(alice_client: Client, northwind: Workspace) -> None:
    text = requests_page(alice_client, northwind, "only_model=openai/gpt-4o-mini")
    assert "Show all again, not only Model openai/gpt-4o-mini" in text
    event = UsageEvent.objects.filter(workspace=northwind, model="gpt-4o-mini").latest("occurred_at")
    assert f"activity/requests/{event.pk}" in text
    with timezone.override(northwind.time_zone):
        assert when(event.occurred_at).startswith(("Today, ", "Yesterday, "))  # as soon after midnight
        assert when(event.occurred_at) in text
    assert "claude" not in text
    assert "No requests in these days" in requests_page(alice_client, northwind, "from=2020-01-01&to=2020-01-02")
    assert "cannot be listed by every filter" in requests_page(alice_client, northwind, "only_meter=images")
    assert alice_client.get(f"/w/{northwind.public_id}/usage/requests?cursor=x").status_code == 404


def test_counts_that_cannot_be_listed_do_not_pretend_to(alice_client: Client, northwind: Workspace) -> None:
    lines = alice_client.get(f"/w/{northwind.public_id}/usage", {"by": "meter"}).context["lines"]
    assert {line.requests for line in lines} == {""}
    lines = alice_client.get(f"/w/{northwind.public_id}/usage", {"by": "project"}).context["lines"]
    assert {line.row.key == "": line.requests == "" for line in lines} == {True: True, False: False}
