from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "billing.metering"
    label = "metering"

    def ready(self) -> None:
        from billing.ledger import hooks
        from billing.metering.proof import charged_items
        from billing.metering.tasks import ask_to_charge
        from billing.metering.verify import verify_usage
        from billing.pricing.hooks import prices_changed

        if verify_usage not in hooks.verifiers:
            hooks.verifiers.append(verify_usage)
        if charged_items not in hooks.item_sources:
            hooks.item_sources.append(charged_items)
        if ask_to_charge not in prices_changed:
            prices_changed.append(ask_to_charge)
