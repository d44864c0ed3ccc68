"""The admins that packages registered get what only this package may know: mixed in front of them."""

from django.contrib import admin
from django.db.models import Model


def extend(model: type[Model], mixin: type) -> None:
    """Register the model's admin anew, with `mixin` in front of what is registered."""
    base = type(admin.site._registry[model])
    admin.site.unregister(model)
    admin.site.register(model, type(f"{model.__name__}Admin", (mixin, base), {"__module__": mixin.__module__}))
