from django.apps import AppConfig


class VoicesConfig(AppConfig):
    name = "billing.voices"
    label = "voices"

    def ready(self) -> None:
        from billing.ledger import hooks
        from billing.voices import duework  # noqa: F401 - registers the due jobs
        from billing.voices.clones import duework as clones  # noqa: F401 - the same
        from billing.voices.clones.verify import verify_clones

        hooks.verifiers.append(verify_clones)
