from typing import TypeVar

from django.apps import AppConfig
from django.core.checks import register

L = TypeVar("L")


class AlertsConfig(AppConfig):
    name = "billing.alerts"
    label = "alerts"

    def ready(self) -> None:
        from accounts import hooks as accounts
        from billing.alerts.mails import tasks as mail_tasks  # noqa: F401 - registers due jobs
        from billing.alerts.mails.granted import credits_came as mail_credits_came
        from billing.alerts.mails.people import access_changed, person_was_verified
        from billing.alerts.notices import tasks as notices  # noqa: F401 - registers its due job
        from billing.alerts.notices.receiving import many_were_told, news_was_told
        from billing.alerts.pricechanges.jobs import ask_to_tell  # registers the due job, too
        from billing.alerts.usage import jobs  # noqa: F401 - registers the due jobs
        from billing.alerts.usage.looking import balance_crossed, bound_crossed
        from billing.alerts.usage.looking import credits_came as credits_looked_at
        from billing.alerts.usage.settings import own_bounds_of
        from billing.alerts.webhooks import tasks  # noqa: F401 - registers tasks and due jobs
        from billing.alerts.webhooks.checks import networks_check
        from billing.alerts.webhooks.lots import credits_came
        from billing.alerts.webhooks.sources import (
            crypto_credited,
            crypto_failed,
            purchase_failed,
            purchase_fulfilled,
            resources_stand,
            subscription_changed,
        )
        from billing.foundation.mail.hooks import many_told, news_told
        from billing.ledger import hooks as ledger
        from billing.packs import hooks as packs
        from billing.plans import granted, low
        from billing.plans import hooks as plans
        from billing.plans.resources import hooks as resources
        from billing.pricing.hooks import prices_changed

        register(networks_check)
        _listen(prices_changed, ask_to_tell)
        _listen(news_told, news_was_told)
        _listen(many_told, many_were_told)
        _listen(ledger.balance_crossed, balance_crossed)
        _listen(ledger.alert_bound_crossed, bound_crossed)
        _listen(low.own_bounds, own_bounds_of)
        _listen(granted.credits_came_in, credits_came)
        _listen(granted.credits_came_in, credits_looked_at)
        _listen(plans.subscription_changed, subscription_changed)
        _listen(granted.credits_came_in, mail_credits_came)
        _listen(accounts.audited, access_changed)
        _listen(accounts.person_verified, person_was_verified)
        _listen(packs.purchase_fulfilled, purchase_fulfilled)
        _listen(packs.purchase_failed, purchase_failed)
        _listen(packs.crypto_credited, crypto_credited)
        _listen(packs.crypto_failed, crypto_failed)
        _listen(resources.resource_standing, resources_stand)


def _listen(listeners: list[L], listener: L) -> None:
    if listener not in listeners:
        listeners.append(listener)
