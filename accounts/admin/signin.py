"""django-allauth's own admins, in the site's look and without secrets."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from unfold.admin import ModelAdmin


def _restyle(model: type, **attributes: object) -> None:
    """Register `model` again with unfold's class in front of the admin it came with."""
    base: type = type(admin.site.get_model_admin(model))
    admin.site.unregister(model)
    admin.site.register(model, type(base.__name__, (ModelAdmin, base), attributes))


_restyle(EmailAddress)
_restyle(Authenticator, exclude=("data",), readonly_fields=("user", "type", "created_at", "last_used_at"))
_restyle(UserSession, search_fields=("user__email", "ip"), exclude=("session_key", "data"))
