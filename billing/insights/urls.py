"""Pages that look ahead."""

from django.urls import include, path

app_name = "insights"

urlpatterns = [
    path("", include("billing.insights.estimator.urls")),
    path("", include("billing.insights.whatif.urls")),
]
