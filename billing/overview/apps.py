from django.apps import AppConfig


class OverviewConfig(AppConfig):
    name = "billing.overview"
    label = "overview"
