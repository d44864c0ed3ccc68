from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "billing.metering"
    label = "metering"

    def ready(self) -> None:
        from billing.ledger import hooks
        from billing.metering.low import refresh_low_bound  # also registers its due job
        from billing.metering.verify import verify_usage

        if refresh_low_bound not in hooks.credits_granted:
            hooks.credits_granted.append(refresh_low_bound)
        if verify_usage not in hooks.verifiers:
            hooks.verifiers.append(verify_usage)
