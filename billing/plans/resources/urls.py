"""The page of a workspace about its resources."""

from django.urls import path

from billing.plans.resources import views

app_name = "resources"

urlpatterns = [path("w/<str:workspace_id>/resources", views.listed, name="list")]
