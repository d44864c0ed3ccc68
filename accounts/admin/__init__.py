"""The operator's view of people, workspaces and keys; also gives the admins of django-allauth the site's look."""

from accounts.admin import keys, people, signin, workspaces

__all__ = ["keys", "people", "signin", "workspaces"]
