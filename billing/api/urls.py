from django.urls import URLPattern, URLResolver, path

from billing.api import views
from billing.api.service import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/openapi.json", views.openapi, name="api-openapi"),
    path("api/v1/docs", views.docs, name="api-docs"),
    path("api/v1/", api.urls),
    # The path one client was written against; the same view.
    path("v1/usage/estimate", views.estimate_short),
]
