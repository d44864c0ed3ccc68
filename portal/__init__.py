"""The deployable project. Importing it makes Celery's application the one that tasks are registered with."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
