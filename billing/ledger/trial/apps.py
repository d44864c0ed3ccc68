from django.apps import AppConfig


class TrialConfig(AppConfig):
    name = "billing.ledger.trial"
    label = "trial"

    def ready(self) -> None:
        from billing.ledger import hooks
        from billing.ledger.trial import jobs  # noqa: F401 - registers the due job
        from billing.ledger.trial.check import verify_sums

        if verify_sums not in hooks.verifiers:
            hooks.verifiers.append(verify_sums)
