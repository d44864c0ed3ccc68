"""Pages of a workspace. Those of people, keys and projects are in accounts."""

from django.urls import path

from billing.overview import views

app_name = "overview"
urlpatterns = [
    path("", views.index, name="index"),
    path("w/<str:workspace_id>/", views.home, name="home"),
    path("w/<str:workspace_id>/usage", views.home, name="usage"),
    path("w/<str:workspace_id>/activity", views.home, name="activity"),
    path("w/<str:workspace_id>/models", views.home, name="models"),
    path("w/<str:workspace_id>/credits", views.home, name="credits"),
]
