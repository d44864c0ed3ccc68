from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "billing.metering"
    label = "metering"

    def ready(self) -> None:
        from billing.foundation.maintenance.run import first_steps
        from billing.ledger import hooks
        from billing.metering.archive.compact import events_move_together
        from billing.metering.proof import charged_items
        from billing.metering.tasks import ask_to_charge
        from billing.metering.verify import verify_usage
        from billing.pricing.hooks import prices_changed

        if verify_usage not in hooks.verifiers:
            hooks.verifiers.append(verify_usage)
        if charged_items not in hooks.item_sources:
            hooks.item_sources.append(charged_items)
        if ("events_move_together", events_move_together) not in first_steps:
            first_steps.append(("events_move_together", events_move_together))
        if ask_to_charge not in prices_changed:
            prices_changed.append(ask_to_charge)
