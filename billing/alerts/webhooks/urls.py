"""Pages of a workspace about its webhooks."""

from django.urls import URLPattern, URLResolver, include, path

from billing.alerts.webhooks import views

app_name = "webhooks"

endpoint_urls = [
    path("", views.endpoint, name="endpoint"),
    path("edit", views.edit, name="edit"),
    path("rotate", views.rotate, name="rotate"),
    path("delete", views.delete, name="delete"),
    path("test", views.test, name="test"),
    path("switch", views.switch, name="switch"),
    path("deliveries/<int:pk>", views.delivery, name="delivery"),
    path("deliveries/<int:pk>/resend", views.resend, name="resend"),
]
workspace_urls: list[URLPattern | URLResolver] = [
    path("", views.webhooks, name="list"),
    path("new", views.create, name="create"),
    path("<str:public_id>/", include(endpoint_urls)),
]

urlpatterns = [path("w/<str:workspace_id>/webhooks/", include(workspace_urls))]
