from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.db.models.signals import post_migrate


class PlansConfig(AppConfig):
    name = "billing.plans"
    label = "plans"

    def ready(self) -> None:
        from accounts import hooks
        from billing.ledger.hooks import balance_crossed, credits_granted
        from billing.metering.hooks import allowances_due
        from billing.plans import webhooks  # noqa: F401 - registers the receivers
        from billing.plans.addons.attending import credits_arrived
        from billing.plans.granted import credits_came_in, credits_were_granted
        from billing.plans.included import included_at
        from billing.plans.low import low_bounds_follow
        from billing.plans.resources import tasks  # noqa: F401 - registers the due jobs
        from billing.plans.resources.cover import credits_came
        from billing.plans.services import start_default_plan
        from billing.plans.signup import person_was_verified, workspace_was_created
        from billing.plans.subscribing.autoupgrade import balance_was_crossed

        hooks.workspace_created.append(start_default_plan)
        hooks.workspace_created.append(workspace_was_created)
        hooks.person_verified.append(person_was_verified)
        credits_granted.append(credits_were_granted)
        credits_came_in += [low_bounds_follow, credits_arrived, credits_came]
        balance_crossed.append(balance_was_crossed)
        allowances_due.append(included_at)
        post_migrate.connect(_ship, sender=self, dispatch_uid="ship_plans")


def _ship(*, apps: Apps = apps, **_signal: Any) -> None:
    """After the migrations of a new database; in tests also after the tables were emptied."""
    from billing.plans.addons.shipped import ship_addons
    from billing.plans.shipped import ship_plans

    ship_plans(apps)
    ship_addons(apps)
