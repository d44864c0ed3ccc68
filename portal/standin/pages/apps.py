from django.apps import AppConfig


class StandInPagesConfig(AppConfig):
    name = "portal.standin.pages"
    label = "standin_pages"
