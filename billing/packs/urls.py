"""Pages of a workspace about buying credits and its cards."""

from django.urls import path

from billing.packs import views
from billing.packs.autotopup import views as autotopup
from billing.packs.x402 import views as x402

app_name = "packs"

urlpatterns = [
    path("w/<str:workspace_id>/credits/buy", views.buy, name="buy"),
    path("w/<str:workspace_id>/credits/purchases", views.listed, name="purchases"),
    path("w/<str:workspace_id>/credits/purchases/<str:purchase_id>", views.bought, name="purchase"),
    path("w/<str:workspace_id>/credits/purchases/<str:purchase_id>/leave", views.leave, name="leave"),
    path("w/<str:workspace_id>/credits/usdc", x402.listed, name="usdc"),
    path("w/<str:workspace_id>/auto-top-up", autotopup.auto_top_up, name="auto-top-up"),
    path("w/<str:workspace_id>/auto-top-up/<str:purchase_id>/pay", autotopup.pay, name="auto-top-up-pay"),
    path("w/<str:workspace_id>/payment-methods", views.methods, name="methods"),
    path("w/<str:workspace_id>/payment-methods/add", views.method_add, name="method-add"),
    path("w/<str:workspace_id>/payment-methods/stripe", views.methods_at_stripe, name="methods-at-stripe"),
    path("w/<str:workspace_id>/payment-methods/<str:method_id>/default", views.method_default, name="method-default"),
    path("w/<str:workspace_id>/payment-methods/<str:method_id>/remove", views.method_remove, name="method-remove"),
]
