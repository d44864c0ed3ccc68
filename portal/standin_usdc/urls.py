from django.urls import path

from portal.standin_usdc import views

app_name = "standin_usdc"
urlpatterns = [path("transactions/<slug:hash>", views.transaction, name="transaction")]
