"""API keys, to look at and to revoke."""

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import action, display

from accounts.admin.workspaces import ReadOnly
from accounts.models import ApiKey, User
from accounts.services.keys import api_key_revoke


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly):
    list_display = ("name", "prefix", "kind", "workspace", "scope_list", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("kind", "revoked_at", "last_used_at")
    list_select_related = ("workspace",)
    search_fields = ("name", "prefix", "workspace__name")
    exclude = ("digest",)
    actions = ("revoke",)

    @display(description="Scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    # A list action is a POST with a token, unlike unfold's row actions, which are links.
    @action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        chosen = list(keys.filter(revoked_at=None).select_related("workspace"))
        for key in chosen:
            api_key_revoke(key=key, by=cast(User, request.user), request=request)
        messages.success(request, f"{len(chosen)} keys revoked.")
