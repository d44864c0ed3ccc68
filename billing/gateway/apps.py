from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "billing.gateway"
    label = "gateway"

    def ready(self) -> None:
        from billing.gateway import checks  # noqa: F401
        from billing.gateway.client import limit_waiting

        limit_waiting()
