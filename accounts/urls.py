"""People, workspaces, projects and keys. Sign-in itself is at /accounts/ (django-allauth)."""

from django.urls import include, path

from accounts.views import invitations, key_changes, keys, people, portal, projects, team, workspaces

app_name = "accounts"

workspace_urls = [
    path("settings", workspaces.settings, name="workspace"),
    path("team", team.team, name="team"),
    path("team/invite", team.invite, name="invite"),
    path("team/invitations/<int:pk>/resend", team.resend, name="invitation-resend"),
    path("team/invitations/<int:pk>/revoke", team.revoke, name="invitation-revoke"),
    path("team/<int:pk>/role", team.role, name="member-role"),
    path("team/<int:pk>/remove", team.remove, name="member-remove"),
    path("leave", team.leave, name="leave"),
    path("projects", projects.projects, name="projects"),
    path("projects/new", projects.create, name="project-create"),
    path("projects/<slug:slug>/rename", projects.rename, name="project-rename"),
    path("projects/<slug:slug>/archive", projects.archive, name="project-archive"),
    path("projects/<slug:slug>/restore", projects.restore, name="project-restore"),
    path("keys", keys.keys, name="keys"),
    path("keys/new", keys.create, name="key-create"),
    path("keys/minutes", keys.minutes, name="key-minutes"),
    path("keys/<int:pk>", key_changes.key, name="key"),
    path("keys/<int:pk>/update", key_changes.update, name="key-update"),
    path("keys/<int:pk>/rotate", key_changes.rotate, name="key-rotate"),
    path("keys/<int:pk>/revoke", keys.revoke, name="key-revoke"),
]

urlpatterns = [
    path("", workspaces.home, name="home"),
    path("workspaces", workspaces.workspaces, name="workspaces"),
    path("workspaces/new", workspaces.create, name="workspace-create"),
    path("workspaces/switch", workspaces.switch, name="workspace-switch"),
    path("workspaces/invitations/<int:pk>/accept", invitations.accept, name="invitation-accept"),
    path("invitations/<str:token>", invitations.invitation, name="invitation"),
    path("portal/<str:token>", portal.portal, name="portal"),
    path("profile", people.profile, name="profile"),
    path("sessions/<int:pk>/end", people.session_end, name="session-end"),
    path("theme", people.theme, name="theme"),
    path("w/<str:workspace_id>/", include(workspace_urls)),
]
