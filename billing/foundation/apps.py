from django.apps import AppConfig
from django.core.checks import register
from django.db.backends.signals import connection_created
from django.db.models.signals import post_save
from django.utils.module_loading import autodiscover_modules


class FoundationConfig(AppConfig):
    name = "billing.foundation"
    label = "foundation"

    def ready(self) -> None:
        from billing.foundation.checks import email_check
        from billing.foundation.mail import receivers  # noqa: F401 - listens
        from billing.foundation.site.selectors import forget_site
        from billing.foundation.timestamps import on_connection

        register(email_check)
        connection_created.connect(on_connection, dispatch_uid="read_timestamps")
        post_save.connect(forget_site, sender="foundation.SiteSettings", dispatch_uid="forget_site")
        _listen()
        # Due jobs register themselves when the `tasks` module of their package is imported.
        autodiscover_modules("tasks")


def _listen() -> None:
    from accounts import hooks
    from billing.foundation.audit.services import record
    from billing.foundation.site.selectors import site

    hooks.audited.append(record)
    hooks.product_name.insert(0, lambda: site().product_name)
