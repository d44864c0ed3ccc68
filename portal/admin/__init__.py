"""Admin pages that read across packages. Imported last by Django's admin, when every package has registered its own."""

from django.apps import apps
from django.contrib import admin

from billing.foundation.audit.adminlog import AuditedAdmin
from portal.admin import (
    charges,
    cryptopayments,
    deskacts,
    extensions,
    holds,
    persons,
    prices,
    proposals,
    refunds,
    reversals,
    sitesettings,
    workspaces,
)

__all__ = [
    "charges",
    "cryptopayments",
    "deskacts",
    "extensions",
    "holds",
    "persons",
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

# Whatever an admin saves or deletes by itself is written down, also of packages that forgot to.
for model, registered in list(admin.site._registry.items()):
    if not isinstance(registered, AuditedAdmin):
        base = type(registered)
        admin.site.unregister(model)
        admin.site.register(model, type(base.__name__, (AuditedAdmin, base), {"__module__": base.__module__}))

admin.site.index_title = "Operations"
