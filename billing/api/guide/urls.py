from django.urls import path

from billing.api.guide import views

app_name = "guide"

urlpatterns = [
    path("w/<str:workspace_id>/api", views.guide, name="guide"),
    path("w/<str:workspace_id>/api/<str:name>", views.client, name="client"),
]
