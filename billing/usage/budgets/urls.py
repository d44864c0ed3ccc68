"""Pages of a workspace about its budgets."""

from django.urls import include, path

from billing.usage.budgets import views

app_name = "budgets"

workspace_urls = [
    path("", views.budgets, name="list"),
    path("new", views.create, name="create"),
    path("<int:pk>", views.change, name="change"),
    path("<int:pk>/remove", views.remove, name="remove"),
    path("keys/<int:pk>/resume", views.resume, name="resume"),
]

urlpatterns = [path("w/<str:workspace_id>/budgets/", include(workspace_urls))]
