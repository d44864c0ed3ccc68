"""What a version of a plan may say."""

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User, Workspace
from billing.metering.models import Allowance
from billing.plans.models import Plan, PlanVersion
from billing.plans.publishing import check_quantities, version_publish
from billing.plans.services import plan_start


@pytest.mark.parametrize("quantity", ["-1", "NaN", "1e12", 10**12, "0.0000000001", True, "many", None])
def test_what_no_period_could_include_is_refused(quantity: object) -> None:
    with pytest.raises(ValidationError):
        check_quantities({"input_characters": quantity})


def test_the_most_that_may_be_included_can_be_opened(alice: User, workspace: Workspace) -> None:
    allowances = check_quantities({"input_characters": "999999999999.999999999"})
    plan = Plan.objects.get(key="free")
    version_publish(version=PlanVersion(plan=plan, allowances=allowances), actor=alice)
    plan_start(workspace=workspace, plan_key="free")
    opened = Allowance.objects.filter(workspace=workspace)
    assert [f"{one.included:f}" for one in opened] == [allowances["input_characters"]] * 2
