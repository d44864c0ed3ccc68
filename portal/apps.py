import gc

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # manage.py and wsgi.py load all applications without it. What is loaded stays: to look through all of that, now
        # and once more at the end, took a third of a short command.
        gc.freeze()
        gc.enable()

        from billing.packs import hooks
        from billing.plans.selectors import plan_names, subscribed_plan

        # Neighbours that do not know each other: which packs are for whom depends on the plan.
        hooks.plan_of.append(subscribed_plan)
        hooks.plan_names.append(plan_names)
