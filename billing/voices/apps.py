from django.apps import AppConfig


class VoicesConfig(AppConfig):
    name = "billing.voices"
    label = "voices"

    def ready(self) -> None:
        from billing.voices import duework  # noqa: F401 - registers the due jobs
