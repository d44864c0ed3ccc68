"""Admin pages that read across packages. Imported last by Django's admin, when every package has registered its own."""

from django.contrib import admin

from portal.admin import charges, holds, prices, refunds, reversals, sitesettings, workspaces

__all__ = ["charges", "holds", "prices", "refunds", "reversals", "sitesettings", "workspaces"]

admin.site.index_title = "Operations"
