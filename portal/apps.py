import gc

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        gc.enable()  # manage.py and wsgi.py load all applications without

        from billing.packs import hooks
        from billing.plans.selectors import plan_names, subscribed_plan

        # Neighbours that do not know each other: which packs are for whom depends on the plan.
        hooks.plan_of.append(subscribed_plan)
        hooks.plan_names.append(plan_names)
