"""Admin pages that read across packages. Imported last by Django's admin, when every package has registered its own."""

from django.apps import apps
from django.contrib import admin

from portal.admin import (
    charges,
    deskacts,
    extensions,
    holds,
    prices,
    proposals,
    refunds,
    reversals,
    sitesettings,
    workspaces,
)

__all__ = [
    "charges",
    "deskacts",
    "extensions",
    "holds",
    "prices",
    "proposals",
    "refunds",
    "reversals",
    "sitesettings",
    "workspaces",
]

# What dj-stripe registers would let staff change copies of what Stripe knows better.
for model in apps.get_app_config("djstripe").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)

admin.site.index_title = "Operations"
