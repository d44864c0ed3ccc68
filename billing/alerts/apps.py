from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "billing.alerts"
    label = "alerts"

    def ready(self) -> None:
        from billing.alerts.pricechanges.jobs import ask_to_tell  # registers the due job, too
        from billing.pricing.hooks import prices_changed

        if ask_to_tell not in prices_changed:
            prices_changed.append(ask_to_tell)
