import gc
from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # manage.py and wsgi.py load all applications without it. What is loaded stays: to look through all of that, now
        # and once more at the end, took a third of a short command.
        gc.freeze()
        gc.enable()

        # After the last app that has any, when all permissions are there.
        last = [config for config in apps.get_app_configs() if config.models_module][-1]
        post_migrate.connect(_roles, sender=last, dispatch_uid="staff_roles")

        from billing.packs import hooks
        from billing.plans.selectors import plan_names, subscribed_plan
        from portal import upgrades  # noqa: F401 - its check

        # Neighbours that do not know each other: which packs are for whom depends on the plan.
        hooks.plan_of.append(subscribed_plan)
        hooks.plan_names.append(plan_names)


def _roles(**_signal: Any) -> None:
    from portal.admin.roles import roles_update

    roles_update()
