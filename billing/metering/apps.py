from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "billing.metering"
    label = "metering"

    def ready(self) -> None:
        from billing.ledger import hooks
        from billing.metering.verify import verify_usage

        if verify_usage not in hooks.verifiers:
            hooks.verifiers.append(verify_usage)
