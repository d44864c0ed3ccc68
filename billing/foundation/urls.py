from django.urls import path

from billing.foundation.mail import views as mail
from billing.foundation.outbox import views
from billing.foundation.site import views as site

app_name = "foundation"
urlpatterns = [
    path("w/<str:workspace_id>/emails", mail.preferences, name="mail-preferences"),
    path("w/<str:workspace_id>/emails/roles", mail.roles, name="mail-roles"),
    path("unsubscribe/<str:token>", mail.unsubscribe, name="unsubscribe"),
    path("look/logo/<str:name>", site.logo, name="logo"),
    path("look/<str:name>", site.look, name="look"),
    path("outbox/", views.outbox, name="outbox"),
    path("outbox/<int:message_id>/", views.message, name="outbox-message"),
    path("outbox/<int:message_id>/html", views.html_source, name="outbox-html"),
    path("outbox/<int:message_id>/shown", views.html_shown, name="outbox-shown"),
    path("outbox/<int:message_id>/attachments/<int:number>", views.attachment, name="outbox-attachment"),
]
