"""The estimator's addresses."""

from django.urls import path

from billing.insights.estimator.views import portal, public

urlpatterns = [
    path("estimate", public, name="estimate-public"),
    path("w/<str:workspace_id>/estimate", portal, name="estimate"),
]
