"""Pages of a workspace about its plan."""

from django.urls import path

from billing.plans.subscribing import autoviews, views

app_name = "plans"

urlpatterns = [
    path("w/<str:workspace_id>/plan", views.plan, name="plan"),
    path("w/<str:workspace_id>/plan/choose", views.choose, name="choose"),
    path("w/<str:workspace_id>/plan/cancel", views.cancel, name="cancel"),
    path("w/<str:workspace_id>/plan/stay", views.stay, name="stay"),
    path("w/<str:workspace_id>/plan/auto-upgrade", autoviews.auto_upgrade, name="auto-upgrade"),
    path("w/<str:workspace_id>/plan/changes", views.changes, name="changes"),
    path("w/<str:workspace_id>/plan/changes/<str:change_id>", views.change, name="change"),
    path("w/<str:workspace_id>/plan/changes/<str:change_id>/leave", views.leave, name="leave"),
]
