from django.apps import AppConfig


class BudgetsConfig(AppConfig):
    name = "billing.usage.budgets"
    label = "budgets"

    def ready(self) -> None:
        from accounts import hooks as accounts
        from billing.ledger import hooks as ledger
        from billing.metering.hooks import spend_counters
        from billing.usage.budgets import jobs  # noqa: F401 - registers the due jobs
        from billing.usage.budgets.counting import count_spends
        from billing.usage.budgets.holding import holds_ended
        from billing.usage.budgets.pace import count_pace
        from billing.usage.budgets.selectors import paused_key_ids
        from billing.usage.budgets.services import budgets_recount, key_is_rotated, key_was_rotated
        from billing.usage.budgets.verify import verify_budgets

        spend_counters.extend([count_spends, count_pace])
        ledger.holds_ended.append(holds_ended)
        ledger.verifiers.append(verify_budgets)
        accounts.paused_keys.insert(0, paused_key_ids)
        accounts.key_rotating.append(key_is_rotated)
        accounts.key_rotated.append(key_was_rotated)
        accounts.time_zone_changed.append(budgets_recount)
