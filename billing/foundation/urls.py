from django.urls import path

from billing.foundation.outbox import views

app_name = "foundation"
urlpatterns = [
    path("outbox/", views.outbox, name="outbox"),
    path("outbox/<int:message_id>/", views.message, name="outbox-message"),
    path("outbox/<int:message_id>/html", views.html_source, name="outbox-html"),
]
