from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "billing.usage"
    label = "usage"

    def ready(self) -> None:
        from accounts import hooks
        from billing.usage.limits import forget_suspended

        hooks.suspension_changed.append(forget_suspended)
