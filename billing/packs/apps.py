from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.db.models.signals import post_migrate


class PacksConfig(AppConfig):
    name = "billing.packs"
    label = "packs"

    def ready(self) -> None:
        from billing.ledger import hooks
        from billing.packs import webhooks  # noqa: F401 - registers the receivers
        from billing.packs.autotopup.hints import bound_was_crossed
        from billing.packs.reconcile import verify_purchases
        from billing.packs.selectors import pending
        from billing.packs.x402 import checks  # noqa: F401 - registers them
        from billing.packs.x402.verify import verify_crypto

        hooks.pending_sources.append(pending)
        hooks.topup_bound_crossed.append(bound_was_crossed)
        hooks.verifiers += [verify_purchases, verify_crypto]
        post_migrate.connect(_ship, sender=self, dispatch_uid="ship_packs")


def _ship(*, apps: Apps = apps, **_signal: Any) -> None:
    """After the migrations of a new database; in tests also after the tables were emptied."""
    from billing.packs.shipped import ship_packs

    ship_packs(apps)
