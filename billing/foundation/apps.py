from django.apps import AppConfig


class FoundationConfig(AppConfig):
    name = "billing.foundation"
    label = "foundation"
