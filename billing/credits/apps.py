from django.apps import AppConfig


class CreditsConfig(AppConfig):
    name = "billing.credits"
    label = "credits"
