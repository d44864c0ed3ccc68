"""The price list without an account."""

from django.urls import path

from billing.overview.views import pricing

app_name = "pricing"

urlpatterns = [
    path("pricing", pricing.models, name="models"),
    path("pricing/models.csv", pricing.models_csv, name="models-csv"),
    path("pricing/compare", pricing.compare, name="compare"),
    path("pricing/<path:ref>", pricing.model, name="model"),
]
