"""Pages of a workspace's add-ons."""

from django.urls import path

from billing.plans.addons import views

app_name = "addons"

urlpatterns = [
    path("w/<str:workspace_id>/plan/addons", views.listed, name="list"),
    path("w/<str:workspace_id>/plan/addons/<slug:addon_key>", views.change, name="change"),
]
