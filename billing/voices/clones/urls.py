"""The pages of a workspace about voices."""

from django.urls import path

from billing.voices.clones import views

app_name = "voices"

urlpatterns = [
    path("w/<str:workspace_id>/voices", views.listed, name="list"),
    path("w/<str:workspace_id>/voices/new", views.new, name="new"),
    path("w/<str:workspace_id>/voices/<str:voice_id>", views.one, name="voice"),
    path("w/<str:workspace_id>/voices/<str:voice_id>/recordings", views.recordings, name="recordings"),
    path("w/<str:workspace_id>/voices/<str:voice_id>/recordings/<int:position>", views.leave_out, name="leave-out"),
    path("w/<str:workspace_id>/voices/<str:voice_id>/order", views.order, name="order"),
    path("w/<str:workspace_id>/voices/<str:voice_id>/cancel", views.cancel, name="cancel"),
    path("w/<str:workspace_id>/voices/<str:voice_id>/delete", views.delete, name="delete"),
    path("w/<str:workspace_id>/voices/<str:voice_id>/sample.wav", views.sample, name="sample"),
]
