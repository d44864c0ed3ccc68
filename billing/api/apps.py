from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "billing.api"
    label = "api"

    def ready(self) -> None:
        from accounts import hooks
        from billing.api.limits import minutes

        hooks.key_minutes.insert(0, minutes)
