from django.apps import AppConfig


class WorthConfig(AppConfig):
    name = "billing.ledger.worth"
    label = "worth"

    def ready(self) -> None:
        from billing.ledger import hooks
        from billing.ledger.worth import jobs  # noqa: F401 - registers the due job
        from billing.ledger.worth.check import verify_days

        if verify_days not in hooks.verifiers:
            hooks.verifiers.append(verify_days)
