from django.urls import URLPattern, URLResolver, path

from billing.api import paths, views  # noqa: F401 - the paths name ids by its converter
from billing.api.service import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/openapi.json", views.openapi, name="api-openapi"),
    path("api/v1/docs", views.docs, name="api-docs"),
    path("api/v1/", api.urls),
    # Paths that some clients were written against; the same views.
    path("v1/usage/estimate", views.again("/api/v1/usage/estimate")),
    path("api/stripe/create-checkout-session", views.again("/api/v1/credits/checkout")),
    path("api/auto-top-up/settings", views.again("/api/v1/auto-top-up/settings")),
    path("api/invoices/list", views.again("/api/v1/invoices/list")),
    path("api/invoices/<any:invoice>", views.again("/api/v1/invoices/{invoice}")),
]
