"""Pages of a workspace about its notices."""

from django.urls import include, path

from billing.alerts.notices import views

app_name = "notices"

workspace_urls = [
    path("", views.notices, name="list"),
    path("read", views.read, name="read"),
    path("<int:pk>", views.notice, name="notice"),
]

urlpatterns = [path("w/<str:workspace_id>/notices/", include(workspace_urls))]
