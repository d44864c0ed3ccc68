"""dj-stripe finds its endpoint by this name."""

from django.urls import path

from billing.gateway.webhook import WebhookView

app_name = "djstripe"
urlpatterns = [path("webhook/<uuid:uuid>/", WebhookView.as_view(), name="djstripe_webhook_by_uuid")]
