from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "billing.insights"
    label = "insights"
