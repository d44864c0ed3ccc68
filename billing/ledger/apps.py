from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "billing.ledger"
    label = "ledger"

    def ready(self) -> None:
        from billing.ledger import jobs  # noqa: F401 - registers the due jobs
