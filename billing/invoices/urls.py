"""Pages of a workspace about its documents."""

from django.urls import path

from billing.invoices import views

app_name = "invoices"

urlpatterns = [
    path("w/<str:workspace_id>/invoices", views.listed, name="list"),
    path("w/<str:workspace_id>/invoices/<str:name>.pdf", views.pdf, name="pdf"),
    path("w/<str:workspace_id>/invoices/<str:name>", views.document, name="document"),
    path("w/<str:workspace_id>/billing", views.profile, name="profile"),
]
